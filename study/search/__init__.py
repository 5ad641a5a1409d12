"""Who trains what and when.

Nothing is imported here; the files:

    session        `spectune run`: one session, from its lock to its report
    coordinator    the loop: a trial for every free slot, an answer to every event
    attempts       the files of attempts, when one is tried again, when trials end the study
    sampler        Optuna: the next spec, the verdict on a rung
    recover        the stores and trials that a killed session left
    display        what a person sees meanwhile
    select_fusion  the fusion, selected, written and tracked
    retrain        trainings outside the search: refits, weights that were not kept
    restore        weights that were not kept, trained again
    reconcile      `spectune reconcile`: the stores made equal to the trial folders
    single_trial   `spectune trial`: one trial, loudly
    demo           `spectune demo`: the whole way on a simulated corpus
"""
