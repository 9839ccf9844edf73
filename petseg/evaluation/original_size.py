"""Scores at the images' own size in the dataset, against the masks as they were published."""

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from petseg.core.dataset_spec import DatasetSpec
from petseg.decoding.mask import decode_mask
from petseg.evaluation import full_size
from petseg.metrics.confusion import confusion_matrices


def any_differs(masks: Sequence[bytes], image_size: tuple[int, int]) -> bool:
    """Whether any of the encoded masks is not of the height and width `image_size`."""
    return any(_size(mask) != image_size for mask in masks)


def confusion_matrix(logits: np.ndarray, mask: bytes, spec: DatasetSpec) -> np.ndarray:
    """The confusion matrix of one image in pixels of its encoded mask: int64 (C, C).

    `logits` are the network's, float32 (h, w, C).
    """
    truth = decode_mask(mask, spec)
    return sum(
        confusion_matrices(truth[None, rows], band.argmax(axis=-1)[None], len(spec.classes))[0]
        for rows, band in full_size.bands(logits, *truth.shape)
    )


def _size(mask: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(mask)) as image:
        return image.height, image.width
