"""Applies trained networks of every format to images of any kind: `petseg.load`.

TensorFlow is only imported for file formats that need it.
"""
