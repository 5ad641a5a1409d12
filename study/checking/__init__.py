"""`spectune check`: all that is wrong with a corpus, and what gives its labels away.

Nothing is imported here; the files:

    audio                What is wrong with audio files, from the facts about each
    check                `spectune check`: all that is wrong with a corpus, at once
    check_file           The check of a study's corpus
    check_worker         The program that looks into audio files for `study.checking.pool`, since
    copies               The same audio more than once: equal samples, and near-duplicates across
    counts               How much there is of what: clips, speakers and time per partition, class
    facts                What is found out about one audio file, read once: the row that every jud
    facts_cache          What is known about a corpus's files, kept by path, size and time beside
    findings             What can be wrong with a corpus: one row per kind, and what was found of
    fingerprint          Spectral fingerprints: finding the same recording again after gain, shift
    leakage              The leakage sentinel: can label or partition be guessed without listening
    leakage_groups       What a label or a partition should not be guessable from: groups of measu
    linear_probe         A linear probe, cross-fitted, and what it reaches by chance
    listing              What a corpus lists, also where it is broken: the label files' rows and w
    measures             What is measured of one recording: level, noise, silence and spectrum, in
    pool                 Looking into many audio files at once, in subprocesses that may crash or
    table                A corpus's clips as columns: what the judgements of `spectune check` are
    terminal             A check on the terminal
"""
