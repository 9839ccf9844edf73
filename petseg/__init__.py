"""Reproducible semantic segmentation: TensorFlow networks in a DVC pipeline.

    import petseg

    network = petseg.load()                 # or petseg.load("my_network.tflite")
    found = network.segment("cat.jpg")      # or a Pillow image, or an array
    found.labels, found.shares              # uint8 (H, W), and {class: share of the pixels}
    found.cutout().save("cat.png")

See `petseg.prediction.network` for the arguments and results of `load`.
"""

import importlib

from petseg.core.tensorflow_defaults import set_defaults

set_defaults()  # before anything imports TensorFlow

__all__ = ["load"]


def __getattr__(name: str):
    if name == "load":  # most importers of the package need no networks
        return importlib.import_module("petseg.prediction.network").load
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
