"""Decodes images of any format that Pillow reads into upright RGB."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base as Tag

MAX_MEGAPIXELS = 300
"""Larger images are refused: decoded, one takes 1.2 GB. `limit_megapixels` changes the limit."""

Box = tuple[float, float, float, float]

GREY = (128, 128, 128)
"""The background of transparent images."""

_TURNS = {  # the EXIF orientations; source: CIPA DC-008 (Exif 2.32), tag 274
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

_KEYS_WITH_ORIENTATION = "exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"
"""Keys in the `info` of Pillow's images."""

# Pillow warns about files that it can read, and about images between one and two times its limit.
# `opened` raises errors for all that matter.
warnings.filterwarnings("ignore", module=r"PIL\.")


def limit_megapixels(count: int) -> None:
    """Sets the limit of this process to `count` million pixels."""
    Image.MAX_IMAGE_PIXELS = count * 1_000_000


limit_megapixels(MAX_MEGAPIXELS)  # Pillow's own, 89 or 179 megapixels, is too low for phones


class BadExample(Exception):
    """An image or a mask that cannot be used. The message is the reason."""


class TooLarge(BadExample):
    """An image with more pixels than `limit_megapixels` allows."""


class Photograph(NamedTuple):
    """A decoded, upright image.

    Attributes:
        image: may be smaller than the file's image.
        size: the (width, height) of the file's image.
        box: the part of `image` that the file's image covers: left, upper, right, lower, in
            pixels, which may be fractions.
        orientation: of the EXIF data, 1 to 8. From 5 on, the file's image lies on its side.
        converted: the conversions, if any.
    """

    image: Image.Image
    size: tuple[int, int]
    box: Box
    orientation: int
    converted: str | None


def decode_photograph(data: bytes, at_least: tuple[int, int] | None = None) -> Photograph:
    """Decodes an image to RGB, in full size or at least `at_least`, (height, width).

    Supports all formats that Pillow reads, whatever the file's name, and all colour modes. Uses the
    first of several frames, and turns it upright by its EXIF data. Transparent parts get a GREY
    background. Grey levels of more than 8 bits are scaled to 8, from the darkest to the brightest.

    With `at_least`, a JPEG is decoded at 1/2, 1/4 or 1/8 of its size if that is large enough. This
    drops the highest frequencies, and saves computing pixels only to average them.

    Raises:
        BadExample: if the bytes are empty, truncated or not an image, or the image has more pixels
            than `limit_megapixels` allows.
    """
    photograph = decode_with_transparency(data, at_least)
    return photograph._replace(image=on_grey(photograph.image))


def decode_with_transparency(data: bytes, at_least: tuple[int, int] | None = None) -> Photograph:
    """Decodes as `decode_photograph`, but to RGBA if any pixel is transparent."""
    with opened("photograph", data) as image:
        return of_image(image, at_least)


def of_image(image: Image.Image, at_least: tuple[int, int] | None = None) -> Photograph:
    """Converts an opened image as `decode_with_transparency`. Raises Pillow's own errors."""
    orientation = exif_orientation(image)
    size = image.size
    box: Box = (0, 0, *size)
    if at_least:
        needed = at_least if orientation >= 5 else at_least[::-1]  # as the file holds it
        if drafted := image.draft(None, needed):
            _, box = drafted
    image.load()
    deep = image.mode.startswith(("I", "F"))
    colours = with_transparency(_eight_bits(image) if deep else image)
    converted = _deviations(image, colours, orientation)
    if image.format != "TIFF":  # Pillow turns TIFF upright itself
        colours, box = turn_upright(colours, box, orientation)
        size = size[::-1] if orientation >= 5 else size
    return Photograph(colours, size, box, orientation, converted)


def on_grey(image: Image.Image) -> Image.Image:
    """Converts RGB or RGBA to RGB, with GREY behind transparent pixels, as networks see it."""
    if image.mode == "RGB":
        return image
    ground = Image.new("RGB", image.size, GREY)
    ground.paste(image, mask=image)
    return ground


@contextmanager
def opened(what: str, data: bytes) -> Iterator[Image.Image]:
    """Yields the opened image. Raises BadExample, naming `what`, for any error of Pillow."""
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
        limit = (Image.MAX_IMAGE_PIXELS or 0) / 1_000_000
        raise TooLarge(
            f"the {what} has more than {limit:g} megapixels, the limit; reduce it first"
        ) from None
    except UnidentifiedImageError:
        raise BadExample(f"the {what} is not an image") from None
    except Exception as error:  # Pillow's decoders raise IndexError, RuntimeError and others
        raise BadExample(f"the {what} cannot be decoded: {error}") from None


def exif_orientation(image: Image.Image) -> int:
    """Returns the EXIF orientation, 1 to 8, or 1, upright, if the EXIF data are damaged."""
    try:
        orientation = image.getexif().get(Tag.Orientation)
        return int(orientation) if orientation in _TURNS else 1
    except Exception:  # damaged EXIF data raise many types of errors
        return 1


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scales a grey image of more than 8 bits to 8: the darkest pixel to 0, the brightest to 255.

    Pillow would clip at 255, to a white image. A fixed factor fails too: of 16 bits, cameras often
    use only 12, and the file does not say so.
    """
    values = np.asarray(image, np.float32)
    lowest, highest = values.min(), values.max()
    if not np.isfinite(highest - lowest):
        raise BadExample("the photograph has values that are not finite")
    scaled = (values - lowest) * (255 / (highest - lowest or 1))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


def _deviations(image: Image.Image, colours: Image.Image, orientation: int) -> str | None:
    """Describes how an image, `colours` when converted, differs from an upright RGB JPEG."""
    kind = [f"{image.format} file"] if image.format != "JPEG" else []
    mode = [f"{image.mode} colours"] if image.mode != "RGB" else []
    parts = [" with ".join(kind + mode)] if kind or mode else []
    if colours.mode == "RGBA":
        parts.append("transparent")
    if orientation != 1:
        parts.append(f"EXIF orientation {orientation}")
    return ", ".join(parts) or None


def with_transparency(image: Image.Image) -> Image.Image:
    """Converts an image to RGBA if any pixel is transparent, else to RGB."""
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    if image.mode == "La":  # premultiplied alpha; Pillow cannot convert it to RGBA directly
        image = image.convert("LA")
    image = image.convert("RGBA")
    lowest: Any = image.getchannel("A").getextrema()[0]
    return image if lowest < 255 else image.convert("RGB")


def turn_upright(image: Image.Image, box: Box, orientation: int) -> tuple[Image.Image, Box]:
    """Turns an image upright, with the box in it."""
    if orientation == 1:
        return image, box
    left, upper, right, lower = box
    if orientation in (2, 3, 7, 8):
        left, right = image.width - right, image.width - left
    if orientation in (3, 4, 6, 7):
        upper, lower = image.height - lower, image.height - upper
    if orientation >= 5:
        left, upper, right, lower = upper, left, lower, right
    turned = image.transpose(_TURNS[orientation])
    for key in _KEYS_WITH_ORIENTATION:  # else a reader of the image would turn it again
        turned.info.pop(key, None)
    return turned, (left, upper, right, lower)
