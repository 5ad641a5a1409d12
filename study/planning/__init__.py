"""What a study is before it begins: found and checked before anything is written.

Nothing is imported here; the files:

    cross_validation     How labelled clips are judged: devel held out, or all by networks new to
    enqueued_trials      Trials that no sampler chooses: baselines, the points of a grid, and repe
    init_study           `spectune init`: look at a folder, say what it is, and write a commented
    input_images         What a network sees of a clip as numbers: images, and where hertz and sec
    plan                 Opening a study: everything is checked before anything is written
    pretrained           Pretrained weights, resolved once before the first trial: a file, its has
    preview              Pictures of what networks see: the images of specs for one clip, with axe
    preview_clip         The clip that a space's images are shown of
    resume_checks        What must not change once a study has begun: its space, its material, its
    warm_start           `from:` in study.yaml: the finished trials of an earlier study are the fi
"""
