"""Trained networks: how they are loaded, and the one way in which they run."""

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
"""Smaller ones count as this, as the logarithm of 0 is infinite; so does Keras in its losses."""

_INDEPENDENT = ("sigmoid", "hard_sigmoid", "hardsigmoid")
_KEEPING = "Cropping2D", "Dropout", "Identity", "Permute", "Reshape", "Resizing", "UpSampling2D"
"""Layers after the last activation that keep probabilities what they are."""


class Network(NamedTuple):
    """A trained model, whose outputs are logits, and the dataset that it was trained for."""

    model: keras.Model
    spec: DatasetSpec


def load_network(path: Path, spec: DatasetSpec | None = None) -> Network:
    """A trained network.

    `spec` is that of a file which carries none, as one of another project. A model that ends in a
    softmax gets a logarithm after it: the differences between the classes, and nothing else counts
    in logits, are then what they were before the softmax.

    PetsegError where the file is missing or damaged, where nobody says what its classes are, where
    the model takes anything else than RGB images or gives anything else than logits or a softmax of
    the classes at the images' size. Code that a file carries is not run: it is refused.
    """
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras, h5py and zipfile let out errors of many kinds
        if "keras_hub" in str(error):  # Keras names the module of a layer that it does not know
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
    """What `train_NETWORK` left at `path`; PetsegError where it was trained for other classes."""
    model, trained_for = load_network(path, spec)
    mend = f"run: dvc repro train_{network}"
    dataset_spec.require_same_classes(trained_for, spec, str(path), mend)
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
            f"{path} takes {_listed(taken)} and gives {_listed(given)}; expected was a network "
            "that takes RGB images, (None, H, W, 3), and gives as many pixels of "
            f"{classes} classes, (None, H, W, {classes}): {', '.join(spec.class_names)}"
        )
    logits = model.outputs[0]
    activation = _last_activation(logits)
    if activation in _INDEPENDENT:
        raise PetsegError(
            f"{path} ends in {activation}, which says of each class by itself how likely it is; "
            "expected were logits or a softmax"
        )
    if activation == "softmax":
        probabilities = keras.ops.cast(logits, "float32")
        logits = keras.ops.log(keras.ops.maximum(probabilities, LEAST_PROBABILITY))
    return keras.Model(model.inputs[0], logits, name=model.name)


def image_size(model: keras.Model) -> tuple[int, int] | None:
    """The height and width of what a network sees, in pixels; None where it takes any."""
    size = tuple(model.input_shape[1:3])
    return None if None in size else size


def runner(model: keras.Model) -> Callable[[np.ndarray], np.ndarray]:
    """A function of images, uint8 (N, H, W, 3), that returns their float32 logits (N, H, W, C)."""
    accelerated = accelerate(model)

    @tf.function(reduce_retracing=True)
    def run(images):
        return accelerated(tf.cast(images, tf.float32), training=False)

    return lambda images: run(images).numpy()


def _listed(shapes: list[tuple]) -> str:
    return " and ".join(map(str, shapes)) or "what it does not tell"


def _last_activation(output) -> str:
    """The name of the activation that a model's output comes from, in lower case."""
    operation, node, index = output._keras_history
    if isinstance(operation, keras.Model):
        return _last_activation(operation.outputs[index])
    activation = getattr(operation, "activation", operation)
    name = getattr(activation, "__name__", type(activation).__name__)
    is_nothing = isinstance(operation, keras.layers.Activation) and name == "linear"
    if is_nothing or name in _KEEPING:
        return _last_activation(operation._inbound_nodes[node].input_tensors[0])
    return name.lower()
