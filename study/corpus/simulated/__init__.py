"""Corpora that are made, not recorded: formant speech, and masks on clear speech.

Nothing is imported here; the files:

    formant_corpus  a mask corpus of formant voices, as `spectune demo` uses it
    formant_voices  the voices: a glottal source and noise through formants that change over time
    mask_corpus     `spectune simulate-mask`: a mask corpus from clear speech
    mask_pieces     which pieces of which clips it is made of, and who wears a mask in them
    masks           what a face mask does to speech: attenuation by frequency
    recording       random recordings: the microphone's response, noise, loudness
"""
