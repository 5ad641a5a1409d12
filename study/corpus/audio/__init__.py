"""Decoding, hashing and caching of waveforms.

Nothing is imported here; the files:

    waveform_cache  `cache_corpus`: a corpus decoded once, and used again until a file changes
    decode          audio files to int16 waveforms
    worker_pool     worker processes that answer requests about files ahead of time
    worker_process  one of them, which may crash or hang
    decoder         the program that such a process runs to decode
    samples         the samples of one file: mixed down, resampled, 16 bits
    mixdown         several channels to one: their mean, or one where they cancel each other
    id3             audio behind an ID3 tag
    decoded_store   what is decoded so far, which a killed session leaves to the next
    file_digests    SHA-256 of every file; only a changed file is read again
    headers         sampling rates and lengths, from the headers alone
"""
