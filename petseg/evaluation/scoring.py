"""Scoring predictions: of a network on every image of a split, or of one constant mask."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from tqdm import tqdm

from petseg.core.classes import NUM_CLASSES
from petseg.evaluation import original_size
from petseg.evaluation.result import Result
from petseg.metrics.confusion import confusion_matrices
from petseg.records import Source


def score_network(
    run: Callable[[np.ndarray], np.ndarray],
    source: Source,
    batch_size: int,
    label: str,
    original_masks: Sequence[bytes] | None = None,
) -> Result:
    """Scores a network, as `inference.runner` makes it, on all examples; shows progress.

    `original_masks` are the encoded masks at original size, in the order of `source`.
    """
    matrices, losses, originals = [], [], []
    with tqdm(total=source.count, desc=label, unit="image", disable=None) as progress:
        for start in range(0, source.count, batch_size):
            indices = np.arange(start, min(start + batch_size, source.count))
            images, masks = source.fetch(indices)
            logits = run(images)
            matrices.append(confusion_matrices(masks, logits.argmax(axis=-1), NUM_CLASSES))
            losses.append(cross_entropy(logits, masks))
            if original_masks is not None:
                encoded = [original_masks[index] for index in indices]
                originals += map(original_size.confusion_matrix, logits, encoded)
            progress.update(len(indices))
    return Result(
        np.concatenate(matrices),
        np.concatenate(losses),
        np.stack(originals) if original_masks is not None else None,
    )


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean cross-entropy of each image's pixels in nats: float64 (B,).

    `logits` are float32 (B, H, W, C), `labels` integer (B, H, W).
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)  # so that none overflows
    log_total = np.log(np.exp(shifted).sum(axis=-1))
    of_label = np.take_along_axis(shifted, labels[..., None].astype(np.intp), axis=-1)[..., 0]
    return (log_total - of_label).mean(axis=(1, 2), dtype=np.float64)


def score_mask(mask: np.ndarray, masks: Iterable[np.ndarray]) -> Result:
    """Scores one constant prediction, uint8 (S, S), against every mask, uint8 (S, S) each."""
    found = [confusion_matrices(truth[None], mask[None], NUM_CLASSES)[0] for truth in masks]
    return Result(np.stack(found))
