"""What a study is before it begins: found and checked before anything is written.

Nothing is imported here; the files:

    plan              `Plan`: all parts of a study; and writing it down
    resume_checks     what may not change once a study has begun
    warm_start        `from:`, the finished trials of an earlier study
    enqueued_trials   baselines, the points of a grid, repeated seeds
    cross_validation  how labelled clips are evaluated: holdout, kfold, loso
    protocol_advice   who should judge: devel, or every labelled clip in folds
    pretrained        pretrained weights: a file, its hash, its licence
    init_study        `spectune init`: a commented study.yaml for a folder
    input_images      what a network sees of a clip, as numbers
    preview           the same, drawn
"""
