"""The networks and the linear machine behind an image.

Import from the files, which load torch: `backbones` (what a spec can name), `image_fit` (how an
image is made to fit). `families` needs the standard library alone.
"""
