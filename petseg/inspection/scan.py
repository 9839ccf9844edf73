"""Reads sizes, modes, and values or colours of images and masks."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from hashlib import sha256
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from petseg.core.errors import PetsegError
from petseg.core.parallel import parallel_map
from petseg.decoding.photograph import (
    BadExample,
    decode_photograph,
    exif_orientation,
    opened,
    with_transparency,
)
from petseg.sources.listing import Row
from petseg.sources.pairing import Mask

MOST_COLOURS = 4096
"""A mask with more colours has no classes by colour."""

_LOSSY = ("JPEG", "MPO")

_GREY_TOLERANCE = 8
"""The largest difference of red, green and blue in a grey pixel, after JPEG."""


class ImageFacts(NamedTuple):
    """An image: upright (width, height), and the file's digest."""

    size: tuple[int, int]
    kind: str
    orientation: int
    digest: bytes


class MaskFacts(NamedTuple):
    """A mask: (width, height), and pixel counts by value and colour.

    `values` is None for RGB that is not grey, `colours` for more than 8 bits, each beyond
    MOST_COLOURS. `palette` maps values to colours, or is empty.
    """

    size: tuple[int, int]
    kind: str
    is_lossy: bool
    is_coloured: bool
    values: dict[int, int] | None
    colours: dict[str, int] | None
    palette: dict[int, str]


class Facts(NamedTuple):
    """An example's facts, or the reason if a file is unusable."""

    row: Row
    image: ImageFacts | str
    mask: MaskFacts | str


def scan(rows: Sequence[Row], read_mask: Callable[[Mask], bytes]) -> Iterator[Facts]:
    """Yields facts in order; uses all cores and shows progress."""

    def facts(row: Row) -> Facts:
        return Facts(
            row,
            _or_reason(lambda: _image_facts(row.image.read_bytes())),
            _or_reason(lambda: _mask_facts(read_mask(row.mask))),
        )

    yield from parallel_map(facts, tqdm(rows, "inspect", unit="image", disable=None))


def _or_reason(read: Callable):
    try:
        return read()
    except (BadExample, PetsegError) as error:
        return str(error)
    except OSError as error:
        return error.strerror or str(error)


def _image_facts(data: bytes) -> ImageFacts:
    image = decode_photograph(data)
    with opened("image", data) as file:
        kind = _kind(file)
    return ImageFacts(image.size, kind, image.orientation, sha256(data).digest())


def _mask_facts(data: bytes) -> MaskFacts:
    with opened("mask", data) as mask:
        mask.load()
        kind, lossy = _kind(mask), mask.format in _LOSSY
        size = mask.size[::-1] if exif_orientation(mask) >= 5 else mask.size
        if mask.mode.startswith("I"):
            return MaskFacts(size, kind, lossy, False, _wide_values(mask), None, {})
        if mask.mode in ("1", "L", "P"):
            return _one_channel(mask, size, kind, lossy)
        mask = with_transparency(mask)
    if mask.mode != "RGB":
        raise BadExample("the mask is transparent in parts")
    found: Any = mask.getcolors(MOST_COLOURS)
    colours = found and {f"#{r:02x}{g:02x}{b:02x}": count for count, (r, g, b) in found}
    values = _values(mask.convert("L")) if _is_grey(mask) else None
    return MaskFacts(size, kind, lossy, True, values, colours, {})


def _one_channel(mask: Image.Image, size: tuple, kind: str, lossy: bool) -> MaskFacts:
    """Returns the facts of an 8-bit mask, or of a 1-bit mask as 0 and 255, as in decoding."""
    values, palette = _values(mask), {}
    if mask.mode == "P":
        parts = mask.getpalette("RGB") or []
        palette = {v: "#" + bytes(parts[3 * v : 3 * v + 3]).hex() for v in values}
        palette = {value: colour for value, colour in palette.items() if len(colour) == 7}
    colours: Counter = Counter()
    for value, count in values.items():
        colours[palette.get(value, f"#{value:02x}{value:02x}{value:02x}")] += count
    return MaskFacts(size, kind, lossy, False, values, dict(colours), palette)


def _values(mask: Image.Image) -> dict[int, int]:
    return {value: count for value, count in enumerate(mask.histogram()) if count}


def _wide_values(mask: Image.Image) -> dict[int, int] | None:
    found, counts = np.unique(np.asarray(mask), return_counts=True)
    if found[0] < 0 or found[-1] > 65_535:
        raise BadExample(f"the mask holds {found[0]} to {found[-1]}; values are 0 to 65535")
    if len(found) > MOST_COLOURS:
        return None
    return dict(zip(found.tolist(), counts.tolist(), strict=True))


def _is_grey(mask: Image.Image) -> bool:
    pixels = np.asarray(mask).astype(np.int16)
    return bool(np.ptp(pixels, axis=-1).max() <= _GREY_TOLERANCE)


def _kind(image: Image.Image) -> str:
    return f"{image.format}, {image.mode}"
