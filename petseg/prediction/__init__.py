"""Applies trained networks of every format to images: `petseg.load`.

TensorFlow is only imported for formats that need it.
"""
