"""The fusion of a study: candidates, methods compared, files, sentences; other systems.

Nothing is imported here; the files:

    study_candidates  `read_library`: the trials of a study and the systems that were imported
    fuse              `fuse`: which candidates, by which method and decision, and what it is worth
    choice            the methods beside each other, and what any of them is worth
    files             `ensemble/`: the fusion's record, path and predictions
    stored            a stored fusion: its networks and rule, and what they predict of test
    sentences         the fusion in words
    costs, diversity  megabytes and milliseconds of the members; how differently they err
    import_system     `spectune import`: another system as a candidate
    prediction_csv    the table that such a system is read from
"""
