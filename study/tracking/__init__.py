"""The study in MLflow, without ever waiting for it.

Nothing is imported here; the files:

    tracker        `Tracker`: the calls of everyone else; each returns at once
    writer_thread  the thread that owns the store
    queue          what waits to be written, and what is tried again; knows no MLflow
    run_client     `RunClient`: an `MlflowClient` bound to one parent run
    runs           what the run of a trial, a fusion, a refit or a scoring holds
    values         names and values that MLflow takes
    store          where runs go, and how a fresh store is made
    reconcile      the store made equal to the trial folders
    trial_run      what of a trial becomes a run
    study_run      the study's own run
    store_checks   whether the stores can be used, before anything is written
    ui             `spectune ui`: MLflow's interface
"""
