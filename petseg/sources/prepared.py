"""Checks, decodes and resizes one example for a record."""

from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from petseg import records
from petseg.core.dataset_spec import VOID, DatasetSpec
from petseg.decoding.mask import decode_mask
from petseg.decoding.photograph import BadExample, decode_photograph
from petseg.sources import facts
from petseg.sources.facts import Facts
from petseg.sources.raw_example import RawExample


class Prepared(NamedTuple):
    """A record's example, or why there is none."""

    name: str
    example: Any  # records.Example, or None where `bad` is the reason
    bad: BadExample | None = None
    converted: str | None = None
    mask_pixels: int = 0
    facts: Facts | None = None


def prepare(raw: RawExample, size: tuple[int, int], spec: DatasetSpec) -> Prepared:
    """Checks an example and resizes it to (h, w)."""
    try:
        photograph = decode_photograph(raw.image, at_least=size)
        labels = decode_mask(raw.mask, spec, photograph.size, photograph.orientation)
    except BadExample as error:
        return Prepared(raw.name, None, error, mask_pixels=getattr(error, "mask_pixels", 0))
    pixels, small = resize(photograph.image, labels, size, photograph.box)
    example = records.Example(pixels, small, raw.name, raw.groups)
    known = facts.of_image(photograph.size, pixels, small, len(spec.classes))
    return Prepared(
        raw.name, example, None, photograph.converted, mask_pixels=labels.size, facts=known
    )


def resize(
    image: Image.Image,
    labels: np.ndarray,
    size: tuple[int, int],
    box: tuple[float, float, float, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Resizes an image (bilinear, antialiased) and its labels (nearest) to `size`, (h, w).

    `box` (left, upper, right, lower) crops the image first. Returns uint8 (h, w, 3), (h, w).
    """
    small_image = np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR, box))
    small_labels = Image.fromarray(labels).resize(size[::-1], Image.Resampling.NEAREST)
    return small_image, np.asarray(small_labels)


def is_unlabelled(example: records.Example, spec: DatasetSpec) -> bool:
    """Returns whether a mask counts as not annotated."""
    if spec.unlabelled_without:
        return not np.isin(example.mask, spec.labels(spec.unlabelled_without)).any()
    return bool((example.mask == VOID).all())


def unlabelled_reason(spec: DatasetSpec) -> str:
    """Returns why a mask counts as not annotated."""
    if spec.unlabelled_without:
        return f"its mask holds no pixel of {' or '.join(spec.unlabelled_without)}"
    return "its mask holds nothing but void"
