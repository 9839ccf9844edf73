"""Benchmarks of this project against common alternatives."""

import os

ENVIRONMENT = dict(os.environ)
"""The environment before the import of `petseg`, which changes TensorFlow's settings.

Measured processes start with it, so that rivals run with TensorFlow's defaults.
"""
