"""What is scored: trained networks, and predictors that see no image."""

import zipfile
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from petseg.classes import BACKGROUND, NUM_CLASSES
from petseg.data.records import Examples
from petseg.errors import PetsegError
from petseg.evaluation import scores
from petseg.evaluation.confusion import confusion_matrices
from petseg.input_pipeline import evaluation_batches


class Result(NamedTuple):
    """A predictor's result on each image: int64 (N, 3, 3) pixel counts, float64 (N,) nats."""

    matrices: np.ndarray
    cross_entropy: np.ndarray | None


def load_network(path: Path) -> keras.Model:
    """A trained model; PetsegError where the file is missing, damaged or of other classes."""
    try:
        model = keras.saving.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, KeyError, TypeError, zipfile.BadZipFile) as error:
        reason = str(error).strip().splitlines()[0]
        raise PetsegError(f"{path} cannot be loaded as a Keras model: {reason}") from None
    if model.output_shape[-1] != NUM_CLASSES:
        raise PetsegError(
            f"{path} knows {model.output_shape[-1]} classes; {NUM_CLASSES} were expected"
        )
    return model


def score_network(model: keras.Model, examples: Examples, batch_size: int, label: str) -> Result:
    """Runs a network over all examples, none dropped; shows progress on a terminal."""

    @tf.function(reduce_retracing=True)
    def score(images, masks):
        logits = model(tf.cast(images, tf.float32), training=False)
        pixels = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.cast(masks, tf.int32), logits)
        counts = confusion_matrices(masks, tf.argmax(logits, axis=-1))
        return counts, tf.reduce_mean(tf.cast(pixels, tf.float64), axis=(1, 2))

    matrices, losses = [], []
    progress = tqdm(total=len(examples.images), desc=label, unit="photo", disable=None)
    with progress:
        for images, masks in evaluation_batches(examples, batch_size=batch_size):
            counts, cross_entropy = score(images, masks)
            matrices.append(counts.numpy())
            losses.append(cross_entropy.numpy())
            progress.update(len(counts))
    return Result(np.concatenate(matrices), np.concatenate(losses))


def predict(model: keras.Model, images: np.ndarray) -> np.ndarray:
    """The labels that a network gives: uint8 (N, S, S, 3) images -> uint8 (N, S, S)."""
    logits = model.predict(images.astype(np.float32), verbose=0)
    return np.argmax(logits, axis=-1).astype(np.uint8)


def score_mask(mask: np.ndarray, masks: np.ndarray) -> Result:
    """Scores one constant prediction, uint8 (S, S), against every mask, uint8 (N, S, S)."""
    counts = [confusion_matrices(truth[None], mask[None]).numpy()[0] for truth in masks]
    return Result(np.stack(counts), None)


def blind_predictions(training_masks: np.ndarray) -> dict[str, np.ndarray]:
    """Two predictions, uint8 (S, S), made without looking at an image.

    `background` everywhere, and at each place the `most_frequent` class of the training masks.
    """
    counts = [(training_masks == label).sum(axis=0) for label in range(NUM_CLASSES)]
    return {
        "background": np.full(training_masks.shape[1:], BACKGROUND, np.uint8),
        "most_frequent": np.argmax(counts, axis=0).astype(np.uint8),
    }


def better_blind_prediction(training_masks: np.ndarray, validation_masks: np.ndarray):
    """Name and mask of the blind prediction with the higher mean IoU on the validation split."""

    def quality(mask):
        return scores.mean_iou(score_mask(mask, validation_masks).matrices.sum(axis=0))

    predictions = blind_predictions(training_masks)
    return max(predictions.items(), key=lambda item: quality(item[1]))
