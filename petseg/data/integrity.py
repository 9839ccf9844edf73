"""What must be true of every photograph and mask before it becomes a record."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError

from petseg.classes import MASK_VALUES


class BadExample(Exception):
    """A photograph or a mask that cannot be used; the message is the reason."""


class Photograph(NamedTuple):
    """A decoded photograph: an RGB image, and what had to be converted, if anything.

    `size` is the (width, height) of the file. The image may be smaller; `box` is what of it the
    photograph covers: left, upper, right and lower, in pixels, of which the last may be in part.
    """

    image: Image.Image
    size: tuple[int, int]
    box: tuple[float, float, float, float]
    converted: str | None


def decode_photograph(data: bytes, at_least: int | None = None) -> Photograph:
    """An encoded photograph, in full, or with at least `at_least` pixels a side if it has them.

    Any format that Pillow reads is taken, whatever the file's name says, and any colour mode of
    8 bits. BadExample where the bytes are empty, truncated or not an image, or have more bits.

    A JPEG that may be smaller is decoded at a half, a quarter or an eighth of its size, which
    leaves out the highest frequencies instead of computing pixels only to average them.
    """
    with _decoding("photograph", data):
        image = Image.open(io.BytesIO(data))
        size, box = image.size, (0, 0, *image.size)
        if at_least and (drafted := image.draft(None, (at_least, at_least))):
            _, box = drafted
        image.load()
    if image.mode.startswith(("I", "F")):  # Pillow would cut these off at 255: a white picture
        raise BadExample(f"the photograph has more than 8 bits a pixel and colour ({image.mode})")
    converted = []
    if image.format != "JPEG":
        converted.append(f"{image.format} file")
    if image.mode != "RGB":
        converted.append(f"{image.mode} colours")
        image = image.convert("RGBA") if "transparency" in image.info else image
        image = image.convert("RGB")
    return Photograph(image, size, box, " with ".join(converted) or None)


def decode_mask(data: bytes, size: tuple[int, int]) -> Image.Image:
    """An encoded trimap as a one-channel image of values 1, 2, 3.

    `size` is the photograph's (width, height). BadExample where the mask cannot be decoded, is of
    another size, has several channels, more than 8 bits or other values.
    """
    with _decoding("mask", data):
        mask = Image.open(io.BytesIO(data))
        mask.load()
    if mask.mode not in ("L", "P", "1"):
        raise BadExample(f"the mask is not one channel of 8 bits, but {mask.mode}")
    if mask.size != size:
        raise BadExample(f"the mask is {_by(mask.size)}, the photograph {_by(size)}")
    if mask.mode != "L":  # its values and not its colours
        mask = Image.fromarray(np.asarray(mask, np.uint8))
    found = [value for value, count in enumerate(mask.histogram()) if count]
    strange = [value for value in found if value not in MASK_VALUES]
    if strange:
        raise BadExample(f"the mask holds {strange[:5]}, which are not among {MASK_VALUES}")
    return mask


@contextmanager
def _decoding(what: str, data: bytes) -> Iterator[None]:
    """Turns whatever stops Pillow into the reason why `what` cannot be used."""
    if not data:
        raise BadExample(f"the {what} is an empty file")
    try:
        yield
    except UnidentifiedImageError:
        raise BadExample(f"the {what} is not an image") from None
    except Exception as error:  # Pillow's decoders let out IndexError, RuntimeError and others
        raise BadExample(f"the {what} cannot be decoded: {error}") from None


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
