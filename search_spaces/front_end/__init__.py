"""Waveforms -> images.

Import from the files, which load torch: `front_end` (FrontEnd, Image, Spectrogram), `amplitude`
and `channels` (what a spec can choose), `turning` (which way an image lies).
"""
