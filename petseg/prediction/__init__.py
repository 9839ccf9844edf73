"""Trained networks of every format, applied to images of any kind: `petseg.load`."""
