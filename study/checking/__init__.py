"""`spectune check`: all that is wrong with a corpus, and what gives its labels away.

Nothing is imported here; the files, in the order of a check:

    check           `check_corpus`: all of it, at once; `Check`, what it gives
    listing         what a corpus lists, also where it is broken
    facts           what is found out about one audio file
    measures        level, noise, silence and spectrum of a recording, as numbers
    fingerprint     what stays the same of a recording after gain, shift, noise and codecs
    pool            the worker processes that look into many files and may crash or hang
    facts_cache     facts kept by path, size and time of the files
    table           the clips of a corpus as columns
    audio           findings about audio files
    copies          findings about equal audio, near-duplicates and segments that share time
    counts          clips, speakers and time per partition and class; findings about them
    names           findings about labels and speakers as they are written
    voices          whether voice and class can be told apart
    leakage         whether label or partition can be guessed without listening to speech
    leakage_groups  the groups of measures to guess from
    linear_probe    the classifier that guesses, and what it reaches by chance
    findings        every kind of finding, with its rule
    terminal        a check as lines for a terminal
    check_file      `check.json`, and the check of a study's corpus
"""
