"""The study in MLflow, without ever waiting for it.

Nothing is imported here; the files:

    describing           What a study's run in MLflow says of it: fusion, leaderboard and a link t
    queue                A thread that writes one thing after the other, and waits where the store
    reconcile            Making the store equal to the trial folders: after a kill, or after the d
    run_client           The open store: which run belongs to which trial, and how each kind of th
    runs                 What the runs of a trial and of a fusion hold, in an open store
    store                Which MLflow store a study writes to, and how a fresh one is made without
    store_checks         Whether a study's stores can be used at all, judged before anything of th
    study_run            A study's runs in MLflow: its parent run at every session, and its fusion
    tracker              Tracking a study in MLflow, without ever waiting for it
    tracking_children    Child runs that are neither trials nor fusions: refits, scores
    tracking_errors      Which failures of a tracking store pass by themselves
    tracking_points      Metrics as points, and which of them the running trials have logged alrea
    trial_run            What of a trial goes to MLflow: names, metrics, tags and artifacts
    ui                   `spectune ui`: MLflow's interface on the store of a study, for this machi
    values               What MLflow accepts: parameters, metrics, tags, descriptions and artifact
    writer_thread        The thread that owns the tracking store: opens it, and hands it to one wr
"""
