"""How well masks agree with what a network says that never saw them, by cleanlab.

Lad and Mueller, "Estimating label quality and errors in semantic segmentation data via any model",
arXiv:2307.05080: a pixel's score is the probability of its label, an image's a mean of these in
which low ones count most (softmin).
"""

import importlib.util

import numpy as np

from petseg.core.dataset_spec import VOID
from petseg.core.errors import PetsegError


def require() -> None:
    """PetsegError where cleanlab is not installed."""
    if importlib.util.find_spec("cleanlab") is None:
        raise PetsegError(
            "masks are ranked by cleanlab, which is not installed:\n"
            "  pip install 'petseg[labels]'    # in a clone: make extras"
        )


def scores(logits: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The label quality of images, float64 (B,), and of their pixels, (B, H, W); in [0, 1].

    `logits` are float32 (B, H, W, C), `masks` uint8 (B, H, W) labels or VOID, which is never wrong.
    The lower, the more likely is the mask wrong.
    """
    from cleanlab.segmentation.rank import get_label_quality_scores

    probabilities = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    void = masks == VOID
    probabilities[void] = np.eye(logits.shape[-1])[0]  # certainly of the first class, whose label
    labels = np.where(void, 0, masks).astype(np.int64)  # they get
    return get_label_quality_scores(labels, np.moveaxis(probabilities, -1, 1), verbose=False)
