"""Small images, and the bytes of images as files and cameras store them."""

import io

import numpy as np
from PIL import Image

from tests.helpers import ROOT

CHELSEA = ROOT / "docs/images/chelsea.jpg"
"""A photograph of a cat."""

_TRANSPOSITIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def encoded(image: Image.Image | np.ndarray, file_format: str = "PNG", **options) -> bytes:
    """Returns an image as the bytes of a file."""
    image = Image.fromarray(image) if isinstance(image, np.ndarray) else image
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def half_red(
    size: tuple[int, int] = (90, 60), left: str = "red", right: str = "lime"
) -> Image.Image:
    """Makes an image of a size (W, H) whose halves have one colour each."""
    image = Image.new("RGB", size, right)
    image.paste(left, (0, 0, size[0] // 2, size[1]))
    return image


def assert_drawn(picture: np.ndarray) -> None:
    """Checks that a figure (H, W, 3) in 0..1 is not blank and has white edges."""
    assert (picture < 0.9).any(axis=2).mean() > 0.005, "blank"
    for edge in (picture[0], picture[-1], picture[:, 0], picture[:, -1]):
        assert (edge == 1).all(), "clipped at an edge"


def exif(orientation: int) -> Image.Exif:
    """Returns EXIF data with an orientation, 1 to 8."""
    data = Image.Exif()
    data[0x0112] = orientation
    return data


def as_stored(upright: Image.Image, orientation: int) -> Image.Image:
    """Transposes an upright image to what a camera stores with this EXIF orientation."""
    if orientation not in _TRANSPOSITIONS:
        return upright
    return upright.transpose(_TRANSPOSITIONS[orientation])
