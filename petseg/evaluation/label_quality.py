"""Label quality: how well masks agree with a network that never saw them, measured by cleanlab.

Lad and Mueller, "Estimating label quality and errors in semantic segmentation data via any model",
arXiv:2307.05080. A pixel's score is the probability of its label. An image's score is a mean of
these, in which low ones count most (softmin).
"""

import importlib.util

import numpy as np

from petseg.core.dataset_spec import VOID
from petseg.core.errors import PetsegError


def require() -> None:
    """Raises PetsegError if cleanlab is not installed."""
    if importlib.util.find_spec("cleanlab") is None:
        raise PetsegError(
            "masks are ranked by cleanlab, which is not installed:\n"
            "  pip install 'petseg[labels]'    # in a clone: make extras"
        )


def scores(logits: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the label quality of images, float64 (B,), and pixels, (B, H, W), in [0, 1].

    `logits` are float32 (B, H, W, C), `masks` uint8 (B, H, W) labels or VOID, which is never wrong.
    A low score means that the mask is probably wrong.
    """
    from cleanlab.segmentation.rank import get_label_quality_scores

    probabilities = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    void = masks == VOID
    # Void pixels become pixels of the first class that are predicted with certainty.
    probabilities[void] = np.eye(logits.shape[-1])[0]
    labels = np.where(void, 0, masks).astype(np.int64)
    return get_label_quality_scores(labels, np.moveaxis(probabilities, -1, 1), verbose=False)
