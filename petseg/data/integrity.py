"""What must be true of every photograph and mask before it becomes a record."""

import io

import numpy as np
from PIL import Image, UnidentifiedImageError

from petseg.classes import MASK_VALUES


class BadExample(Exception):
    """A photograph or a mask that cannot be used; the message is the reason."""


def decode_photograph(data: bytes) -> tuple[Image.Image, str | None]:
    """An encoded photograph as an RGB image, and what had to be converted, if anything.

    Any format that Pillow reads is taken, whatever the file's name says, and any colour mode of
    8 bits. BadExample where the bytes are empty, truncated or not an image, or have more bits.
    """
    image = _open(data, "photograph")
    if image.mode.startswith(("I", "F")):  # Pillow would cut these off at 255: a white picture
        raise BadExample(f"the photograph has more than 8 bits a pixel and colour ({image.mode})")
    converted = []
    if image.format != "JPEG":
        converted.append(f"{image.format} file")
    if image.mode != "RGB":
        converted.append(f"{image.mode} colours")
        image = image.convert("RGBA") if "transparency" in image.info else image
        image = image.convert("RGB")
    return image, " with ".join(converted) or None


def decode_mask(data: bytes, size: tuple[int, int]) -> Image.Image:
    """An encoded trimap as a one-channel image of values 1, 2, 3.

    `size` is the photograph's (width, height). BadExample where the mask cannot be decoded, is of
    another size, has several channels, more than 8 bits or other values.
    """
    mask = _open(data, "mask")
    if mask.mode not in ("L", "P", "1"):
        raise BadExample(f"the mask is not one channel of 8 bits, but {mask.mode}")
    if mask.size != size:
        raise BadExample(f"the mask is {_by(mask.size)}, the photograph {_by(size)}")
    values = np.asarray(mask, np.uint8)
    found = np.flatnonzero(np.bincount(values.ravel())).tolist()
    strange = [value for value in found if value not in MASK_VALUES]
    if strange:
        raise BadExample(f"the mask holds {strange[:5]}, which are not among {MASK_VALUES}")
    return Image.fromarray(values)


def _open(data: bytes, what: str) -> Image.Image:
    if not data:
        raise BadExample(f"the {what} is an empty file")
    try:
        image = Image.open(io.BytesIO(data))
        image.load()
    except UnidentifiedImageError:
        raise BadExample(f"the {what} is not an image") from None
    except Exception as error:  # Pillow's decoders let out IndexError, RuntimeError and others
        raise BadExample(f"the {what} cannot be decoded: {error}") from None
    return image


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
