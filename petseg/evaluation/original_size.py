"""Scores at the size that each photograph has in the dataset, not at the network's.

So do systems that report at full size. What a network sees is the same as in the records; its
logits are brought to the size of the original mask, and no mask is resized.
"""

import io
from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
from PIL import Image
from tqdm import tqdm

from petseg import segmentation
from petseg.data import integrity, oxford_pets
from petseg.data.source import Source
from petseg.errors import PetsegError
from petseg.evaluation.confusion import confusion_matrices


def masks(raw: Path, split: str, names: Sequence[str]) -> list[bytes]:
    """The dataset's own masks, encoded, of the photographs called `names`, in their order.

    PetsegError where the prepared dataset in `raw` lacks one of them.
    """
    found = {example.name: example.mask for example in oxford_pets.examples(raw, split)}
    try:
        return [found[name] for name in names]
    except KeyError as error:
        raise PetsegError(
            f"the records hold {error.args[0]}, which the dataset in {raw} does not; "
            "write them anew with: dvc repro -f preprocess"
        ) from None


def any_differs(masks: Sequence[bytes], image_size: int) -> bool:
    """Whether any of the encoded masks is not `image_size` wide and high."""
    return any(_size(mask) != (image_size, image_size) for mask in masks)


def score_network(
    model: keras.Model, source: Source, masks: Sequence[bytes], batch_size: int, label: str
) -> np.ndarray:
    """A network's confusion matrices, in pixels of the original masks: int64 (N, 3, 3).

    `masks` are the encoded masks of the photographs in `source`. Shows progress on a terminal.
    """
    run = segmentation.runner(model)
    matrices = []
    with tqdm(total=source.count, desc=label, unit="photo", disable=None) as progress:
        for start in range(0, source.count, batch_size):
            end = min(start + batch_size, source.count)
            images, _ = source.fetch(np.arange(start, end))
            for logits, mask in zip(run(images), masks[start:end], strict=True):
                truth = np.asarray(integrity.decode_mask(mask)) - 1
                matrices.append(confusion(logits, truth))
                progress.update()
    return np.stack(matrices)


def confusion(logits: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """The confusion matrix of one photograph at the size of its truth: int64 (3, 3).

    `logits` are the network's, (h, w, 3); `truth` are labels, uint8 (H, W).
    """
    total = np.zeros((logits.shape[-1],) * 2, np.int64)
    for rows, band in segmentation.bands(logits, *truth.shape):
        total += confusion_matrices(truth[None, rows], band.argmax(axis=-1)[None]).numpy()[0]
    return total


def _size(mask: bytes) -> tuple[int, int]:
    with Image.open(io.BytesIO(mask)) as image:
        return image.size
