"""Measurements of this project, against what people do without it."""

import os

ENVIRONMENT = dict(os.environ)
"""As it is before `petseg` is imported, which tells TensorFlow how to compute: what is measured
starts with this one, so that a rival gets TensorFlow as it comes."""
