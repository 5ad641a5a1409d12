"""Who trains what and when: sampler, coordinator, session, recovery, trainings outside the search.

Nothing is imported here; the files:

    attempts             The files of a trial's attempts: which is gone on from, which come here,
    coordinator          The coordinator: asks Optuna, gives work to the engine, judges, promotes,
    demo                 `spectune demo`: the whole way on a simulated corpus
    display              What a person sees while a study runs
    failing_alike        When a study stops because its trials fail alike; bad luck with one spec
    reconcile            `spectune reconcile`: the stores made equal to the trial folders, which a
    recover              Taking a study up again: Optuna is told what the trial folders know, and
    restore              Weights that were not kept, trained again: the same trial gives the same
    retrain              Trainings outside the search: members fitted again, each in a folder of i
    sampler              Optuna, behind what the coordinator asks of it: the next spec, a verdict,
    session              `spectune run`: one session of a study, from its lock to its report
    single_trial         `spectune trial`: one trial of a study, told as it goes, for finding out
"""
