"""Scores at the images' own size in the dataset, against the masks as they were published."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from petseg.core.classes import NUM_CLASSES
from petseg.core.errors import PetsegError
from petseg.evaluation import full_size
from petseg.metrics.confusion import confusion_matrices
from petseg.sources import integrity, oxford_pets


def masks(raw: Path, split: str, names: Sequence[str]) -> list[bytes]:
    """The dataset's own masks, encoded, of the images called `names`, in their order.

    PetsegError where the prepared dataset in `raw` lacks one of them.
    """
    found = {example.name: example.mask for example in oxford_pets.examples(raw, split)}
    try:
        return [found[name] for name in names]
    except KeyError as error:
        raise PetsegError(
            f"the records hold {error.args[0]}, which the dataset in {raw} does not; "
            "rebuild them with: dvc repro -f preprocess"
        ) from None


def any_differs(masks: Sequence[bytes], image_size: int) -> bool:
    """Whether any of the encoded masks is not `image_size` wide and high."""
    return any(_size(mask) != (image_size, image_size) for mask in masks)


def confusion_matrix(logits: np.ndarray, mask: bytes) -> np.ndarray:
    """The confusion matrix of one image in pixels of its encoded mask: int64 (C, C).

    `logits` are the network's, float32 (h, w, C).
    """
    truth = np.asarray(integrity.decode_mask(mask)) - 1
    return sum(
        confusion_matrices(truth[None, rows], band.argmax(axis=-1)[None], NUM_CLASSES)[0]
        for rows, band in full_size.bands(logits, *truth.shape)
    )


def _size(mask: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(mask)) as image:
        return image.size
