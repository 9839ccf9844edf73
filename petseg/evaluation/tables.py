"""Tables from confusion matrices: per image, per breed, and the matrix itself."""

import numpy as np
import pandas as pd

from petseg.core.classes import CLASS_NAMES
from petseg.evaluation.result import Result
from petseg.metrics import bootstrap, scores

COUNTS = [f"{truth}_as_{predicted}" for truth in CLASS_NAMES for predicted in CLASS_NAMES]
"""The columns of a flattened confusion matrix, in pixels."""


def metrics(result: Result, parameters: int) -> dict:
    """What a metrics file says of a predictor; only numbers, and null where one is undefined."""
    content = scores.summary(result.matrices) | {"parameters": parameters}
    if result.cross_entropy is not None:
        content["cross_entropy"] = float(result.cross_entropy.mean())
    if result.original_matrices is not None:
        content["at_original_size"] = scores.summary(result.original_matrices)
    return _without_nan(content)


def per_image(network: str, index: pd.DataFrame, result: Result, manifest: dict) -> pd.DataFrame:
    """A row an image: name, breed, species, cross-entropy, scores, and its nine pixel counts."""
    table = pd.DataFrame(
        {
            "network": network,
            "name": index["name"],
            "breed": [manifest["breeds"][breed] for breed in index["breed"]],
            "species": [manifest["species"][species] for species in index["species"]],
            "cross_entropy": result.cross_entropy,
            "mean_iou": scores.mean_iou(result.matrices),
            "pet_iou": scores.pet_iou(result.matrices),
        }
    )
    table[COUNTS] = result.matrices.reshape(len(table), -1)
    return table


def matrices(table: pd.DataFrame) -> np.ndarray:
    """The confusion matrices in a per-image table: int64 (N, 3, 3)."""
    size = len(CLASS_NAMES)
    return table[COUNTS].to_numpy(np.int64).reshape(-1, size, size)


def per_breed(table: pd.DataFrame) -> pd.DataFrame:
    """A row for each breed and network, scored on the sum of the breed's images."""
    rows = []
    for (breed, species, network), group in table.groupby(
        ["breed", "species", "network"], sort=False
    ):
        total = matrices(group).sum(axis=0)
        rows.append(
            {
                "breed": breed,
                "species": species,
                "network": network,
                "mean_iou": scores.mean_iou(total),
                "pet_iou": scores.pet_iou(total),
                "images": len(group),
            }
        )
    order = list(table["network"].unique())
    return pd.DataFrame(rows).sort_values(
        ["breed", "network"],
        key=lambda column: column.map(order.index) if column.name == "network" else column,
        ignore_index=True,
    )


def comparison(matrices: dict[str, np.ndarray], resamples: int, seed: int) -> dict:
    """Mean IoU of each network, and the differences, with 95 % bootstrap intervals."""
    found = bootstrap.intervals(matrices, scores.mean_iou, resamples, seed)
    return {
        name: {"mean_iou": float(estimate), "low": float(low), "high": float(high)}
        for name, (estimate, low, high) in found.items()
    }


def confusion(matrix: np.ndarray) -> pd.DataFrame:
    """A row a cell: truth, prediction, pixels, and their share of the truth's pixels."""
    return pd.DataFrame(
        {
            "truth": np.repeat(CLASS_NAMES, len(CLASS_NAMES)),
            "prediction": np.tile(CLASS_NAMES, len(CLASS_NAMES)),
            "share": (matrix / matrix.sum(axis=1, keepdims=True)).ravel(),
            "pixels": matrix.ravel(),
        }
    )


def confusion_matrix(table: pd.DataFrame) -> np.ndarray:
    """The matrix in a table that `confusion` made: int64 (3, 3)."""
    size = len(CLASS_NAMES)
    return table["pixels"].to_numpy(np.int64).reshape(size, size)


def _without_nan(content):
    if isinstance(content, dict):
        return {key: _without_nan(value) for key, value in content.items()}
    return None if isinstance(content, float) and np.isnan(content) else content
