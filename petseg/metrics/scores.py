"""Scores from confusion matrices, in plain numpy: small pure functions over counts.

A matrix counts pixels: rows are the truth, columns the prediction. Formulas: Everingham et al.,
"The Pascal Visual Object Classes Challenge", IJCV 2010 (IoU); Dice, "Measures of the Amount of
Ecologic Association Between Species", Ecology 1945.
"""

import numpy as np

from petseg.core.classes import BACKGROUND, CLASS_NAMES


def iou(matrices: np.ndarray) -> np.ndarray:
    """Intersection over union of each class: (..., C, C) -> float64 (..., C) in [0, 1].

    NaN for a class which is neither in the truth nor in the prediction.
    """
    hits, truth, predicted = _counts(matrices)
    return _ratio(hits, truth + predicted - hits)


def dice(matrices: np.ndarray) -> np.ndarray:
    """Dice coefficient (F1) of each class: (..., C, C) -> float64 (..., C); NaN as in `iou`."""
    hits, truth, predicted = _counts(matrices)
    return _ratio(2 * hits, truth + predicted)


def pixel_accuracy(matrices: np.ndarray) -> np.ndarray:
    """Share of pixels with the right label: (..., C, C) -> float64 (...)."""
    hits, truth, _ = _counts(matrices)
    return _ratio(hits.sum(-1), truth.sum(-1))


def mean_iou(matrices: np.ndarray) -> np.ndarray:
    """Mean of `iou` over the classes that occur: (..., C, C) -> float64 (...)."""
    return np.nanmean(iou(matrices), axis=-1)


def pet_against_background(matrices: np.ndarray) -> np.ndarray:
    """Matrices of two classes, pet (with its border) and background: (..., 3, 3) -> (..., 2, 2)."""
    foreground = [label for label in range(len(CLASS_NAMES)) if label != BACKGROUND]
    rows = np.stack([matrices[..., foreground, :].sum(-2), matrices[..., BACKGROUND, :]], axis=-2)
    return np.stack([rows[..., foreground].sum(-1), rows[..., BACKGROUND]], axis=-1)


def pet_iou(matrices: np.ndarray) -> np.ndarray:
    """IoU of the pet with its border against the background: (..., 3, 3) -> float64 (...)."""
    return iou(pet_against_background(matrices))[..., 0]


def summary(matrices: np.ndarray) -> dict:
    """The scores of a whole split from one matrix an image, int64 (N, 3, 3).

    Classes are scored on the sum of all matrices; `pet_iou_per_image` is the mean over images.
    """
    total = matrices.sum(axis=0)
    return {
        "pixel_accuracy": float(pixel_accuracy(total)),
        "mean_iou": float(mean_iou(total)),
        "mean_dice": float(np.nanmean(dice(total))),
        "iou": dict(zip(CLASS_NAMES, iou(total).tolist(), strict=True)),
        "dice": dict(zip(CLASS_NAMES, dice(total).tolist(), strict=True)),
        "pet_iou_dataset": float(pet_iou(total)),
        "pet_iou_per_image": float(np.nanmean(pet_iou(matrices))),
        "images": len(matrices),
    }


def _counts(matrices: np.ndarray):
    hits = np.diagonal(matrices, axis1=-2, axis2=-1)
    return hits, matrices.sum(axis=-1), matrices.sum(axis=-2)


def _ratio(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        return np.true_divide(part, whole)
