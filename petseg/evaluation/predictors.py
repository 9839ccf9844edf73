"""What is scored: trained networks, and predictors that see no image."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from petseg.classes import BACKGROUND, CLASS_NAMES, NUM_CLASSES
from petseg.data.source import Source
from petseg.errors import PetsegError
from petseg.evaluation import scores
from petseg.evaluation.confusion import confusion_matrices
from petseg.input_pipeline import evaluation_batches

LEAST_PROBABILITY = 1e-7
"""Smaller ones count as this, as the logarithm of 0 is infinite; so does Keras in its losses."""

_INDEPENDENT = ("sigmoid", "hard_sigmoid", "hardsigmoid")
_KEEPING = "Cropping2D", "Dropout", "Identity", "Permute", "Reshape", "Resizing", "UpSampling2D"
"""Layers after the last activation that keep probabilities what they are."""


class Result(NamedTuple):
    """A predictor's result on each image: int64 (N, 3, 3) pixel counts, float64 (N,) nats."""

    matrices: np.ndarray
    cross_entropy: np.ndarray | None


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


def score_network(model: keras.Model, source: Source, batch_size: int, label: str) -> Result:
    """Runs a network over all examples, none dropped; shows progress on a terminal."""

    @tf.function(reduce_retracing=True)
    def score(images, masks):
        logits = model(tf.cast(images, tf.float32), training=False)
        pixels = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(masks, tf.int32), logits)
        counts = confusion_matrices(masks, tf.argmax(logits, axis=-1))
        return counts, tf.reduce_mean(tf.cast(pixels, tf.float64), axis=(1, 2))

    matrices, losses = [], []
    progress = tqdm(total=source.count, desc=label, unit="photo", disable=None)
    with progress:
        for images, masks, _ in evaluation_batches(source, batch_size=batch_size):
            counts, cross_entropy = score(images, masks)
            matrices.append(counts.numpy())
            losses.append(cross_entropy.numpy())
            progress.update(len(counts))
    return Result(np.concatenate(matrices), np.concatenate(losses))


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """The labels that a network gives: uint8 (N, S, S, 3) images -> uint8 (N, S, S)."""
    logits = model.predict(images.astype(np.float32), verbose=0)
    return np.argmax(logits, axis=-1).astype(np.uint8)


def score_mask(mask: np.ndarray, masks: Iterable[np.ndarray]) -> Result:
    """Scores one constant prediction, uint8 (S, S), against every mask, uint8 (S, S) each."""
    return Result(np.stack([_confusion(truth, mask) for truth in masks]), None)


def blind_predictions(training_masks: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
    """Two predictions, uint8 (S, S), made without looking at an image.

    `background` everywhere, and at each place the `most_frequent` class of the training masks,
    uint8 (S, S) each.
    """
    labels = np.arange(NUM_CLASSES)[:, None, None]
    counts = sum((mask == labels).astype(np.int64) for mask in training_masks)
    return {
        "background": np.full(counts.shape[1:], BACKGROUND, np.uint8),
        "most_frequent": np.argmax(counts, axis=0).astype(np.uint8),
    }


def better_blind_prediction(
    training_masks: Iterable[np.ndarray], validation_masks: Iterable[np.ndarray]
) -> tuple[str, np.ndarray]:
    """Name and mask of the blind prediction with the higher mean IoU on the validation split."""
    predictions = blind_predictions(training_masks)
    counts = sum(
        np.stack([_confusion(truth, mask) for mask in predictions.values()])
        for truth in validation_masks
    )
    quality = dict(zip(predictions, scores.mean_iou(counts), strict=True))
    return max(predictions.items(), key=lambda item: quality[item[0]])


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


def _confusion(truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return confusion_matrices(truth[None], mask[None]).numpy()[0]
