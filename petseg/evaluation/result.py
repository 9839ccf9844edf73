"""What scoring a predictor gives."""

from typing import NamedTuple

import numpy as np


class Result(NamedTuple):
    """A predictor's result on each of N images.

    `matrices` are pixel counts, int64 (N, C, C), `original_matrices` the same at the images'
    original size, and `cross_entropy` is in nats, float64 (N,); None where not asked for.
    """

    matrices: np.ndarray
    cross_entropy: np.ndarray | None = None
    original_matrices: np.ndarray | None = None
