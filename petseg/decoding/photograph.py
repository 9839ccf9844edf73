"""Decoding images of any format that Pillow reads: upright, in RGB, or with the reason why not."""

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, UnidentifiedImageError
from PIL.ExifTags import Base as Tag

MAX_MEGAPIXELS = 300
"""Larger images are refused: decoded, one takes 1.2 GB. `limit_megapixels` sets another limit."""

Box = tuple[float, float, float, float]

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

_TELLING_ORIENTATION = "exif", "Raw profile type exif", "xmp", "XML:com.adobe.xmp"
"""In the `info` of Pillow's images."""

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
    box: Box
    orientation: int
    converted: str | None


def decode_photograph(data: bytes, at_least: tuple[int, int] | None = None) -> Photograph:
    """An encoded photograph in RGB, in full, or of at least the height and width `at_least`.

    Any format that Pillow reads is taken, whatever the file's name says, and any colour mode; of
    several frames, the first. It is turned upright as its EXIF data say; transparent parts lie on
    GREY. Grey levels of more than 8 bits are brought to 8, from the darkest to the brightest.
    BadExample where the bytes are empty, truncated or not an image, or have more pixels than
    `limit_megapixels` allows.

    A JPEG that may be smaller is decoded at a half, a quarter or an eighth of its size, which
    leaves out the highest frequencies instead of computing pixels only to average them.
    """
    photograph = decode_with_transparency(data, at_least)
    return photograph._replace(image=on_grey(photograph.image))


def decode_with_transparency(data: bytes, at_least: tuple[int, int] | None = None) -> Photograph:
    """As `decode_photograph`, but in RGBA where any of it is transparent."""
    with opened("photograph", data) as image:
        return of_image(image, at_least)


def of_image(image: Image.Image, at_least: tuple[int, int] | None = None) -> Photograph:
    """The same of an opened image; Pillow's own errors where it is damaged."""
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
    if image.format != "TIFF":  # Pillow turns these upright by itself
        colours, box = turn_upright(colours, box, orientation)
        size = size[::-1] if orientation >= 5 else size
    return Photograph(colours, size, box, orientation, converted)


def on_grey(image: Image.Image) -> Image.Image:
    """An RGB or RGBA image in RGB, as the networks see it: on GREY where it is transparent."""
    if image.mode == "RGB":
        return image
    ground = Image.new("RGB", image.size, GREY)
    ground.paste(image, mask=image)
    return ground


@contextmanager
def opened(what: str, data: bytes) -> Iterator[Image.Image]:
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
        limit = (Image.MAX_IMAGE_PIXELS or 0) / 1_000_000
        raise TooLarge(
            f"the {what} has more than {limit:g} megapixels, the limit; reduce it first"
        ) from None
    except UnidentifiedImageError:
        raise BadExample(f"the {what} is not an image") from None
    except Exception as error:  # Pillow's decoders let out IndexError, RuntimeError and others
        raise BadExample(f"the {what} cannot be decoded: {error}") from None


def exif_orientation(image: Image.Image) -> int:
    """The orientation that the EXIF data tell, 1 to 8; 1, upright, where they are damaged."""
    try:
        orientation = image.getexif().get(Tag.Orientation)
        return int(orientation) if orientation in _TURNS else 1
    except Exception:  # of many kinds, whatever the bytes are taken for
        return 1


def _eight_bits(image: Image.Image) -> Image.Image:
    """A grey image of more than 8 bits in 8: its darkest pixel becomes 0, its brightest 255.

    Pillow would cut them off at 255: a white picture. And of 16 bits, cameras often fill only 12,
    which the file does not say.
    """
    values = np.asarray(image, np.float32)
    lowest, highest = values.min(), values.max()
    if not np.isfinite(highest - lowest):
        raise BadExample("the photograph holds values that are no finite numbers")
    scaled = (values - lowest) * (255 / (highest - lowest or 1))
    return Image.fromarray(np.rint(scaled).astype(np.uint8))


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


def with_transparency(image: Image.Image) -> Image.Image:
    """In RGBA where any of it is transparent, else in RGB."""
    if not image.has_transparency_data:
        return image if image.mode == "RGB" else image.convert("RGB")
    if image.mode == "La":  # as RGBa, with colours multiplied by opacity; has no way to RGBA
        image = image.convert("LA")
    image = image.convert("RGBA")
    lowest: Any = image.getchannel("A").getextrema()[0]
    return image if lowest < 255 else image.convert("RGB")


def turn_upright(image: Image.Image, box: Box, orientation: int) -> tuple[Image.Image, Box]:
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
    turned = image.transpose(_TURNS[orientation])
    for key in _TELLING_ORIENTATION:  # else whoever gets the image would turn it once more
        turned.info.pop(key, None)
    return turned, (left, upper, right, lower)
