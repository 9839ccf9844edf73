"""Loads and runs trained Keras models."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from petseg.acceleration import accelerate
from petseg.core import dataset_spec
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.errors import PetsegError, first_line
from petseg.core.optional import require_keras_hub

LEAST_PROBABILITY = 1e-7
"""Least probability, as in Keras's losses: the logarithm of 0 is infinite."""

_INDEPENDENT = ("sigmoid", "hard_sigmoid", "hardsigmoid")
_UNCHANGED = "Cropping2D", "Dropout", "Identity", "Permute", "Reshape", "Resizing", "UpSampling2D"
"""Layers that keep probabilities."""


class Network(NamedTuple):
    """A trained model with logits as outputs, and its dataset."""

    model: keras.Model
    spec: DatasetSpec


def load_network(path: Path, spec: DatasetSpec | None = None) -> Network:
    """Returns the trained network in a file.

    `spec` is for files of other projects, without one. A final softmax gets a logarithm after it:
    outputs then differ as the original logits do, and only differences matter.

    Raises PetsegError if the file is missing, damaged or contains code (never run), its classes
    are unknown, or it does not map RGB images to logits (or a softmax) of their size.
    """
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras, h5py and zipfile raise many types
        if "keras_hub" in str(error):  # Keras names the module of an unknown layer
            require_keras_hub(str(path))
        raise PetsegError(
            f"{path} cannot be loaded as a Keras model: {first_line(error)}"
        ) from None
    spec = dataset_spec.of_model(path) or spec
    if spec is None:
        raise PetsegError(
            f"{path} does not say what its classes are; name the dataset that it was trained on, "
            "with --dataset"
        )
    return Network(_with_logits(model, path, spec), spec)


def load_trained(network: str, path: Path, spec: DatasetSpec) -> keras.Model:
    """Returns a stage's model; raises PetsegError if its classes differ."""
    model, trained_for = load_network(path, spec)
    hint = f"run: dvc repro train_{network}"
    dataset_spec.require_same_classes(trained_for, spec, str(path), hint)
    return model


def _with_logits(model: keras.Model, path: Path, spec: DatasetSpec) -> keras.Model:
    taken, given = (
        [tuple(tensor.shape) for tensor in getattr(model, side, [])]
        for side in ("inputs", "outputs")
    )
    size = taken[0][1:3] if taken and len(taken[0]) == 4 else (None, None)
    classes = len(spec.classes)
    if (taken, given) != ([(None, *size, 3)], [(None, *size, classes)]):
        raise PetsegError(
            f"{path} takes {_listed(taken)} and gives {_listed(given)}; expected a network that "
            f"takes RGB images, (None, H, W, 3), and gives logits of {classes} classes, "
            f"(None, H, W, {classes}): {', '.join(spec.class_names)}"
        )
    logits = model.outputs[0]
    activation = _last_activation(logits)
    if activation in _INDEPENDENT:
        raise PetsegError(
            f"{path} ends in {activation}, which scores each class separately; expected logits or "
            "a softmax"
        )
    if activation == "softmax":
        probabilities = keras.ops.cast(logits, "float32")
        logits = keras.ops.log(keras.ops.maximum(probabilities, LEAST_PROBABILITY))
    return keras.Model(model.inputs[0], logits, name=model.name)


def image_size(model: keras.Model) -> tuple[int, int] | None:
    """Returns height and width of a network's input in pixels; None if any."""
    size = tuple(model.input_shape[1:3])
    return None if None in size else size


def runner(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function: images, uint8 (N, H, W, 3) -> float32 logits (N, H, W, C)."""
    accelerated = accelerate(model)

    @tf.function(reduce_retracing=True)
    def run(images):
        return accelerated(tf.cast(images, tf.float32), training=False)

    return lambda images: run(images).numpy()


def _listed(shapes: list[tuple]) -> str:
    return " and ".join(map(str, shapes)) or "an unknown shape"


def _last_activation(output) -> str:
    """Returns the last activation's name in lower case."""
    operation, node, index = output._keras_history
    if isinstance(operation, keras.Model):
        return _last_activation(operation.outputs[index])
    activation = getattr(operation, "activation", operation)
    name = getattr(activation, "__name__", type(activation).__name__)
    is_identity = isinstance(operation, keras.layers.Activation) and name == "linear"
    if is_identity or name in _UNCHANGED:
        return _last_activation(operation._inbound_nodes[node].input_tensors[0])
    return name.lower()
