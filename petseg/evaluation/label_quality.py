"""Label quality: agreement of masks with a network that never saw them, by cleanlab.

Lad and Mueller, "Estimating label quality and errors in semantic segmentation data via any model",
arXiv:2307.05080. A pixel's score is its label's probability, an image's their softmin: low ones
count most.
"""

import importlib.util

import numpy as np

from petseg.core.dataset_spec import VOID
from petseg.core.errors import PetsegError


def require() -> None:
    """Raises PetsegError without cleanlab."""
    if importlib.util.find_spec("cleanlab") is None:
        raise PetsegError(
            "masks are ranked by cleanlab, which is not installed:\n"
            "  pip install 'petseg[labels]'    # in a clone: make extras"
        )


def scores(logits: np.ndarray, masks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the label quality of images, float64 (B,), and pixels, (B, H, W), in [0, 1].

    A low score means a probably wrong mask. `logits` are float32 (B, H, W, C), `masks` uint8
    (B, H, W); VOID is never wrong.
    """
    from cleanlab.segmentation.rank import get_label_quality_scores

    probabilities = np.exp(logits - logits.max(axis=-1, keepdims=True))
    probabilities /= probabilities.sum(axis=-1, keepdims=True)
    void = masks == VOID
    # Void pixels become certain pixels of the first class.
    probabilities[void] = np.eye(logits.shape[-1])[0]
    labels = np.where(void, 0, masks).astype(np.int64)
    return get_label_quality_scores(labels, np.moveaxis(probabilities, -1, 1), verbose=False)
