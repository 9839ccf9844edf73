"""Reads images of all kinds, upright and with transparency."""

from pathlib import Path

import numpy as np
from PIL import Image

from petseg.core.errors import PetsegError
from petseg.decoding import photograph

HEIC_SUFFIXES = (".heic", ".heif")
"""Suffixes that need pillow-heif."""


class BadImage(PetsegError):
    """An unreadable image; the message gives the reason."""


class TooLarge(BadImage):
    """An image above the pixel limit."""


def read(source: str | Path | bytes | Image.Image | np.ndarray) -> Image.Image:
    """Returns an image, upright by its EXIF: RGB, or RGBA if any pixel is transparent.

    `source` is a path, a file's bytes, a Pillow image, or uint8 (H, W), (H, W, 3) or (H, W, 4).
    Raises BadImage if missing, no image, damaged or too large.
    """
    if isinstance(source, np.ndarray):
        source = _of_array(source)
    if isinstance(source, Image.Image):
        return _of_image(source)
    if isinstance(source, bytes):
        return decode(source)
    path = Path(source)
    try:
        return decode(path.read_bytes(), path.suffix)
    except OSError as error:
        raise BadImage(error.strerror or str(error)) from None


def decode(data: bytes, suffix: str = "") -> Image.Image:
    """Reads a file's bytes, as `read` does."""
    if suffix.lower() in HEIC_SUFFIXES and not _heic():
        raise BadImage("HEIC needs another package; install it: pip install pillow-heif")
    try:
        return photograph.decode_with_transparency(data).image
    except photograph.TooLarge as error:
        raise TooLarge(f"{error}, or raise it with --max-megapixels") from None
    except photograph.BadExample as error:
        raise BadImage(str(error)) from None


def colour_profile(image: Image.Image) -> bytes | None:
    """Returns the image's ICC profile if it is of RGB."""
    profile = image.info.get("icc_profile")
    return profile if profile and profile[16:20] == b"RGB " else None


def _of_image(image: Image.Image) -> Image.Image:
    try:
        return photograph.of_image(image).image
    except Exception as error:  # of many types: a damaged file, opened lazily
        raise BadImage(f"the image cannot be decoded: {error}") from None


def _of_array(pixels: np.ndarray) -> Image.Image:
    shape = pixels.shape
    if pixels.dtype != np.uint8 or not (
        len(shape) == 2 or (len(shape) == 3 and shape[2] in (3, 4))
    ):
        raise BadImage(
            f"an array of {pixels.dtype} {shape} is no image; expected uint8 (H, W), (H, W, 3) or "
            "(H, W, 4)"
        )
    return Image.fromarray(pixels)


def _heic() -> bool:
    """Enables HEIC in Pillow, if possible."""
    try:
        import pillow_heif
    except ImportError:
        return False
    pillow_heif.register_heif_opener()
    return True
