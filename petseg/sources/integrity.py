"""What must be true of every image and mask before it becomes a record."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base as Tag

from petseg.core.classes import MASK_VALUES

MAX_MEGAPIXELS = 300
"""Larger images are refused: decoded, one takes 1.2 GB. `limit_megapixels` sets another limit."""

GREY = (128, 128, 128)
"""What a network sees where an image is transparent."""

_TURNS = {  # the EXIF orientations; source: CIPA DC-008 (Exif 2.32), tag 274
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# What Pillow finds strange but can read, and images between its limit and twice that: errors are
# raised all the same.
warnings.filterwarnings("ignore", module=r"PIL\.")


def limit_megapixels(count: int) -> None:
    """Refuse images of more than `count` million pixels from now on, in this process."""
    Image.MAX_IMAGE_PIXELS = count * 1_000_000


limit_megapixels(MAX_MEGAPIXELS)  # Pillow's own limit, 89 or 179 megapixels, is below a phone's


class BadExample(Exception):
    """A photograph or a mask that cannot be used; the message is the reason."""


class TooLarge(BadExample):
    """More pixels than `limit_megapixels` allows."""


class Photograph(NamedTuple):
    """A decoded photograph, upright: an image, and what had to be converted, if anything.

    `size` is the (width, height) of the photograph in full. The image may be smaller; `box` is what
    of it the photograph covers: left, upper, right and lower, in pixels, of which the outer ones
    may be in part. `orientation` is that of the EXIF data, 1 to 8; from 5 on, the file holds the
    photograph lying on its side.
    """

    image: Image.Image
    size: tuple[int, int]
    box: tuple[float, float, float, float]
    orientation: int
    converted: str | None


def decode_photograph(data: bytes, at_least: int | None = None) -> Photograph:
    """An encoded photograph in RGB, in full, or with at least `at_least` pixels a side if possible.

    Any format that Pillow reads is taken, whatever the file's name says, and any colour mode of
    8 bits; of several frames, the first. It is turned upright as its EXIF data say; transparent
    parts lie on GREY. BadExample where the bytes are empty, truncated or not an image, or have more
    bits, or more pixels than `limit_megapixels` allows.

    A JPEG that may be smaller is decoded at a half, a quarter or an eighth of its size, which
    leaves out the highest frequencies instead of computing pixels only to average them.
    """
    photograph = decode_with_transparency(data, at_least)
    return photograph._replace(image=on_grey(photograph.image))


def decode_with_transparency(data: bytes, at_least: int | None = None) -> Photograph:
    """As `decode_photograph`, but in RGBA where any of it is transparent."""
    with _decoding("photograph", data) as image:
        orientation = _orientation(image)
        size, box = image.size, (0, 0, *image.size)
        if at_least and (drafted := image.draft(None, (at_least, at_least))):
            _, box = drafted
        image.load()
        if image.mode.startswith(("I", "F")):  # Pillow would cut these off at 255: a white picture
            raise BadExample(
                f"the photograph has more than 8 bits a pixel and colour ({image.mode})"
            )
        colours = _rgb(image)
    converted = _deviations(image, colours, orientation)
    if image.format != "TIFF":  # Pillow turns these upright by itself
        colours, box = _turn(colours, box, orientation)
        size = size[::-1] if orientation >= 5 else size
    return Photograph(colours, size, box, orientation, converted)


def on_grey(image: Image.Image) -> Image.Image:
    """An RGB or RGBA image in RGB, as the networks see it: on GREY where it is transparent."""
    if image.mode == "RGB":
        return image
    ground = Image.new("RGB", image.size, GREY)
    ground.paste(image, mask=image)
    return ground


def decode_mask(
    data: bytes, size: tuple[int, int] | None = None, orientation: int = 1
) -> Image.Image:
    """An encoded trimap as a one-channel image of values 1, 2, 3, upright as its EXIF data say.

    `size` is the (width, height) that it must have, `orientation` that of its photograph's file.
    BadExample where the mask cannot be decoded, is of another size, has several channels, more
    than 8 bits or other values.
    """
    with _decoding("mask", data) as mask:
        mask.load()
        turned = _orientation(mask)
    if mask.mode not in ("L", "P", "1"):
        raise BadExample(f"the mask is not one channel of 8 bits, but {mask.mode}")
    if mask.mode != "L":  # its values and not its colours
        mask = Image.fromarray(np.asarray(mask, np.uint8))
    mask, _ = _turn(mask, (0, 0, *mask.size), turned)
    if size and mask.size != size:
        sideways = orientation >= 5 and mask.size == size[::-1]
        turn = f", turned upright (EXIF orientation {orientation})," if sideways else ""
        raise BadExample(f"the mask is {_by(mask.size)}, the photograph{turn} {_by(size)}")
    found = [value for value, count in enumerate(mask.histogram()) if count]
    strange = [value for value in found if value not in MASK_VALUES]
    if strange:
        raise BadExample(f"the mask holds {strange[:5]}, which are not among {MASK_VALUES}")
    return mask


@contextmanager
def _decoding(what: str, data: bytes) -> Iterator[Image.Image]:
    """The opened image; whatever stops Pillow becomes the reason why `what` cannot be used."""
    if not data:
        raise BadExample(f"the {what} is an empty file")
    try:
        image = Image.open(io.BytesIO(data))
        if image.width * image.height > (Image.MAX_IMAGE_PIXELS or float("inf")):
            raise Image.DecompressionBombError
        yield image
    except BadExample:
        raise
    except Image.DecompressionBombError:
        limit = Image.MAX_IMAGE_PIXELS / 1_000_000
        raise TooLarge(
            f"the {what} has more than {limit:g} megapixels, the limit; reduce it first"
        ) from None
    except UnidentifiedImageError:
        raise BadExample(f"the {what} is not an image") from None
    except Exception as error:  # Pillow's decoders let out IndexError, RuntimeError and others
        raise BadExample(f"the {what} cannot be decoded: {error}") from None


def _orientation(image: Image.Image) -> int:
    """The orientation that the EXIF data tell, 1 to 8; 1, upright, where they are damaged."""
    try:
        orientation = image.getexif().get(Tag.Orientation)
        return int(orientation) if orientation in _TURNS else 1
    except Exception:  # of many kinds, whatever the bytes are taken for
        return 1


def _deviations(image: Image.Image, colours: Image.Image, orientation: int) -> str | None:
    """What a photograph, `colours` when converted, is other than an upright JPEG in RGB."""
    kind = [f"{image.format} file"] if image.format != "JPEG" else []
    mode = [f"{image.mode} colours"] if image.mode != "RGB" else []
    parts = [" with ".join(kind + mode)] if kind or mode else []
    if colours.mode == "RGBA":
        parts.append("transparent")
    if orientation != 1:
        parts.append(f"EXIF orientation {orientation}")
    return ", ".join(parts) or None


def _rgb(image: Image.Image) -> Image.Image:
    """In RGBA where any of it is transparent, else in RGB."""
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    if image.mode == "La":  # as RGBa, with colours multiplied by opacity; has no way to RGBA
        image = image.convert("LA")
    image = image.convert("RGBA")
    lowest, _ = image.getchannel("A").getextrema()
    return image if lowest < 255 else image.convert("RGB")


def _turn(
    image: Image.Image, box: tuple[float, float, float, float], orientation: int
) -> tuple[Image.Image, tuple[float, float, float, float]]:
    """An image and the box of its pixels, turned upright."""
    if orientation == 1:
        return image, box
    left, upper, right, lower = box
    if orientation in (2, 3, 7, 8):
        left, right = image.width - right, image.width - left
    if orientation in (3, 4, 6, 7):
        upper, lower = image.height - lower, image.height - upper
    if orientation >= 5:
        left, upper, right, lower = upper, left, lower, right
    return image.transpose(_TURNS[orientation]), (left, upper, right, lower)


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
