"""Scoring predictions: of a network on every image of a split, or of one constant mask."""

from collections.abc import Callable, Iterable, Sequence

import numpy as np
from tqdm import tqdm

from petseg.core.dataset_spec import VOID, DatasetSpec
from petseg.evaluation import original_size
from petseg.evaluation.result import Counter, Result
from petseg.metrics.confusion import confusion_matrices
from petseg.records import Source


def score_network(
    run: Callable[[np.ndarray], np.ndarray],
    source: Source,
    spec: DatasetSpec,
    batch_size: int,
    label: str,
    original_masks: Sequence[bytes] | None = None,
) -> Result:
    """Scores a network, as `inference.runner` makes it, on all examples; shows progress.

    `original_masks` are the encoded masks at original size, in the order of `source`.
    """
    classes = len(spec.classes)
    counter, original, losses = Counter(spec), Counter(spec), []
    with tqdm(total=source.count, desc=label, unit="image", disable=None) as progress:
        for start in range(0, source.count, batch_size):
            indices = np.arange(start, min(start + batch_size, source.count))
            images, masks = source.fetch(indices)
            logits = run(images)
            counter.add(confusion_matrices(masks, logits.argmax(axis=-1), classes))
            losses.append(cross_entropy(logits, masks))
            for index, of_image in zip(indices, logits, strict=True) if original_masks else ():
                matrix = original_size.confusion_matrix(of_image, original_masks[index], spec)
                original.add(matrix[None])
            progress.update(len(indices))
    at_original_size = original.counted() if original_masks else None
    return Result(counter.counted(), np.concatenate(losses), at_original_size)


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean cross-entropy of each image's pixels in nats: float64 (B,).

    `logits` are float32 (B, H, W, C), `labels` integer (B, H, W). VOID is not counted; NaN where
    nothing else is there.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)  # so that none overflows
    log_total = np.log(np.exp(shifted).sum(axis=-1))
    counted = labels != VOID
    indices = np.where(counted, labels, 0).astype(np.intp)
    of_label = np.take_along_axis(shifted, indices[..., None], axis=-1)[..., 0]
    of_pixels = np.where(counted, log_total - of_label, 0).sum(axis=(1, 2), dtype=np.float64)
    pixels = counted.sum(axis=(1, 2))
    return np.where(pixels, of_pixels / np.maximum(pixels, 1), np.nan)


def score_mask(mask: np.ndarray, masks: Iterable[np.ndarray], spec: DatasetSpec) -> Result:
    """Scores one constant prediction, uint8 (H, W), against every mask, uint8 (H, W) each."""
    counter = Counter(spec)
    for truth in masks:
        counter.add(confusion_matrices(truth[None], mask[None], len(spec.classes)))
    return Result(counter.counted())
