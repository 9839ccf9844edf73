"""Reproducible semantic segmentation: TensorFlow networks in a DVC pipeline."""

from petseg.core.tensorflow_defaults import set_defaults

set_defaults()  # before anything imports TensorFlow
