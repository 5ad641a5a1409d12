"""Decoding, hashing and caching of waveforms.

Nothing is imported here; the files:

    decode               Audio files to int16 waveforms, in subprocesses that may crash or hang
    decoded_store        Waveforms decoded so far, kept until the corpus is whole: what a killed d
    decoder              A program that decodes audio files and may crash or hang: `python -m stud
    file_digests         SHA-256 of every audio file, kept so that only a changed file is read aga
    headers              What audio is like, from the headers of its files alone
    samples              The samples of an audio file: decoded, mixed down, resampled, 16 bits
    waveform_cache       Decode a corpus once, keep it, and know again next time that nothing chan
    worker_process       One decoder: a program of its own that may crash or hang, and what it say
"""
