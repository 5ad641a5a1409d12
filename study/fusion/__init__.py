"""The fusion of a study: candidates, choice of the method, files, sentences; other systems.

Nothing is imported here; the files:

    choice               Which fusion method? The default, unless another gains one standard error
    costs                What the candidates of a fusion cost: megabytes of weights, milliseconds
    diversity            How differently the members of a fusion err
    files                `results/<study>/ensemble/`: a fusion's record, path and predictions
    fuse                 The fusion of a study: which candidates, by which method and decision, an
    import_system        `spectune import`: another tool's predictions become a candidate of the f
    prediction_csv       Other tools' systems as candidates: prediction CSVs, aligned by file name
    sentences            A fusion in words: what the terminal, MLflow, `ensemble.json` and the rep
    stored               A stored fusion: its networks and rule, and what they predict of test
    study_candidates     The candidates of a study's fusion: its trials and the systems that were
"""
