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


class Result(NamedTuple):
    """A predictor's result on each image: int64 (N, 3, 3) pixel counts, float64 (N,) nats."""

    matrices: np.ndarray
    cross_entropy: np.ndarray | None


def load_network(path: Path) -> keras.Model:
    """A trained model; PetsegError where the file is missing, damaged or of other classes.

    Code that a file carries is not run: it is refused.
    """
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # Keras, h5py and zipfile let out errors of many kinds
        reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise PetsegError(f"{path} cannot be loaded as a Keras model: {reason}") from None
    if model.output_shape[-1] != NUM_CLASSES:
        raise PetsegError(
            f"{path} knows {model.output_shape[-1]} classes; "
            f"{NUM_CLASSES} were expected: {', '.join(CLASS_NAMES)}"
        )
    return model


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


def _confusion(truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    return confusion_matrices(truth[None], mask[None]).numpy()[0]
