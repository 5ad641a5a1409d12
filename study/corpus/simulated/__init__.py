"""Corpora that are made, not recorded: formant speech, and masks on clear speech.

Nothing is imported here; the files:

    formant_corpus       A simulated mask corpus: formant voices with and without a face mask, in
    formant_voices       Voices for simulated corpora: a glottal source and noise through time-var
    mask_corpus          A mask corpus made of clear speech: half of every speaker's clips go thro
    mask_pieces          Which pieces of which clips a simulated mask corpus is made of, and who w
    masks                What a face mask does to speech: attenuation by frequency, and how it var
    recording            Random recordings for simulated corpora: the microphone's frequency respo
"""
