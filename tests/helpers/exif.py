"""Pictures as cameras store them, with an EXIF orientation."""

from PIL import Image

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def lying(upright: Image.Image, orientation: int) -> Image.Image:
    """How a camera stores a picture of which it says that it has this orientation."""
    return upright.transpose(_TURNS[orientation]) if orientation in _TURNS else upright
