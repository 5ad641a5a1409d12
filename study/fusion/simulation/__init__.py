"""Does the honest value keep its promise? `python -m study.fusion.simulation` simulates it.

Nothing is imported here; the files:

    search               A search in the simulated world: random or adaptive, with median pruning
    summary              Repetitions -> bias and coverage per setting -> a table for the documenta
    world                A world with known truth: speakers, clips, and classifiers that err alike
"""
