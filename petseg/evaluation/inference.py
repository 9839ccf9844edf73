"""Trained networks: how they are loaded, and the one way in which they run."""

from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from petseg.acceleration import accelerate
from petseg.core.classes import CLASS_NAMES, NUM_CLASSES
from petseg.core.errors import PetsegError

LEAST_PROBABILITY = 1e-7
"""Smaller ones count as this, as the logarithm of 0 is infinite; so does Keras in its losses."""

_INDEPENDENT = ("sigmoid", "hard_sigmoid", "hardsigmoid")
_KEEPING = "Cropping2D", "Dropout", "Identity", "Permute", "Reshape", "Resizing", "UpSampling2D"
"""Layers after the last activation that keep probabilities what they are."""


def load_network(path: Path) -> keras.Model:
    """A trained model, whose outputs are logits.

    One that ends in a softmax gets a logarithm after it: the differences between the classes, and
    nothing else counts in logits, are then what they were before the softmax.

    PetsegError where the file is missing or damaged, where the model takes anything else than RGB
    images or gives anything else than logits or a softmax of the classes at the images' size. Code
    that a file carries is not run: it is refused.
    """
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras, h5py and zipfile let out errors of many kinds
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise PetsegError(f"{path} cannot be loaded as a Keras model: {reason}") from None
    taken, given = (
        [tuple(tensor.shape) for tensor in getattr(model, side, [])]
        for side in ("inputs", "outputs")
    )
    size = taken[0][1] if taken and len(taken[0]) == 4 else None
    if (taken, given) != ([(None, size, size, 3)], [(None, size, size, NUM_CLASSES)]):
        raise PetsegError(
            f"{path} takes {_listed(taken)} and gives {_listed(given)}; expected was a network "
            "that takes square RGB images, (None, S, S, 3), and gives as many pixels of "
            f"{NUM_CLASSES} classes, (None, S, S, {NUM_CLASSES}): {', '.join(CLASS_NAMES)}"
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


def image_size(model: keras.Model) -> int | None:
    """The side of the square that a network sees, in pixels; None where it takes any."""
    return model.input_shape[1]


def runner(model: keras.Model, *, flip: bool = False) -> Callable[[np.ndarray], np.ndarray]:
    """A function of images, uint8 (N, S, S, 3), that returns their float32 logits (N, S, S, C).

    With `flip`, the mean of the logits of each image and of its mirror image, mirrored back.
    """
    accelerated = accelerate(model)

    @tf.function(reduce_retracing=True)
    def run(images):
        images = tf.cast(images, tf.float32)
        logits = accelerated(images, training=False)
        if flip:
            mirrored = accelerated(tf.reverse(images, axis=[2]), training=False)
            logits = (logits + tf.reverse(mirrored, axis=[2])) / 2
        return logits

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
