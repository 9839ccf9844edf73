"""Scores from pixel counts: small pure functions in plain numpy.

Confusion matrices have the truth in their rows and the prediction in their columns. Scores need
three counts of each class: its pixels in the truth, in the prediction, and in both. Formulas:
Everingham et al., "The Pascal Visual Object Classes Challenge", IJCV 2010 (IoU); Dice, "Measures of
the Amount of Ecologic Association Between Species", Ecology 1945.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from petseg.core.dataset_spec import DatasetSpec

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

COUNTS = ("truth", "predicted", "hits")
"""The last axis of the result of `counts`."""


def counts(matrices: Integers, label_sets: Sequence[Sequence[int]] | None = None) -> Integers:
    """Counts pixels in the truth, in the prediction, and in both: (..., C, C) -> (..., K, 3).

    Each of the K label sets counts as one class. The default is one set for each class.
    """
    if label_sets is None:
        hits = np.diagonal(matrices, axis1=-2, axis2=-1)
        return np.stack([matrices.sum(axis=-1), matrices.sum(axis=-2), hits], axis=-1)
    parts = []
    for labels in map(list, label_sets):
        rows = matrices[..., labels, :]
        hits = rows[..., labels].sum(axis=(-2, -1))
        predicted = matrices[..., labels].sum(axis=(-2, -1))
        parts.append(np.stack([rows.sum(axis=(-2, -1)), predicted, hits], axis=-1))
    return np.stack(parts, axis=-2)


def iou(counts: Integers) -> Floats:
    """Computes intersection over union: (..., K, 3) -> float64 (..., K) in [0, 1].

    NaN, which means undefined, if the truth has no pixel.
    """
    truth, predicted, hits = np.moveaxis(counts, -1, 0)
    return _ratio(hits, truth + predicted - hits, truth)


def dice(counts: Integers) -> Floats:
    """Computes Dice (F1): (..., K, 3) -> float64 (..., K) in [0, 1]; NaN as in `iou`."""
    truth, predicted, hits = np.moveaxis(counts, -1, 0)
    return _ratio(2 * hits, truth + predicted, truth)


def pixel_accuracy(counts: Integers) -> Floats:
    """Computes the share of correct pixels, from counts of all classes: (..., C, 3) -> (...)."""
    truth, _, hits = np.moveaxis(counts, -1, 0)
    return _ratio(hits.sum(-1), truth.sum(-1), truth.sum(-1))


def mean_iou(counts: Integers) -> Floats:
    """Computes the mean `iou` of the classes in the truth: (..., C, 3) -> float64 (...)."""
    return mean_defined(iou(counts))


def mean_defined(values: Floats) -> Floats:
    """Computes the mean over the last axis without NaN, or NaN if all values are NaN."""
    defined = ~np.isnan(values)
    number = defined.sum(axis=-1)
    return _ratio(np.where(defined, values, 0).sum(axis=-1), number, number)


def summary(counts: Integers, spec: DatasetSpec) -> dict[str, Any]:
    """Computes the scores of a split from the counts of each image, int64 (N, K, 3).

    K are the classes of `spec`, then its regions. Classes are scored on the sums over all images.
    Regions also have the mean score over the images that contain them.
    """
    classes, total = len(spec.classes), counts.sum(axis=0)
    of_classes, of_regions = total[:classes], iou(total[classes:])
    per_image = mean_defined(iou(counts[:, classes:]).T)
    return {
        "pixel_accuracy": float(pixel_accuracy(of_classes)),
        "mean_iou": float(mean_iou(of_classes)),
        "mean_dice": float(mean_defined(dice(of_classes))),
        "iou": dict(zip(spec.class_names, iou(of_classes).tolist(), strict=True)),
        "dice": dict(zip(spec.class_names, dice(of_classes).tolist(), strict=True)),
        "regions": {
            region: {"iou_dataset": float(dataset), "iou_per_image": float(image)}
            for region, dataset, image in zip(spec.regions, of_regions, per_image, strict=True)
        },
        "images": len(counts),
    }


def _ratio(part: NDArray[Any], whole: NDArray[Any], defined: NDArray[Any]) -> Floats:
    """Computes `part` / `whole`, or NaN where `defined` is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(defined, np.true_divide(part, whole), np.nan)
