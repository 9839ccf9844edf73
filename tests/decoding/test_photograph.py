"""Decoding of all formats and modes that Pillow reads."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from petseg.decoding import photograph
from petseg.decoding.mask import decode_mask
from petseg.decoding.photograph import BadExample, decode_photograph
from tests.helpers.images import as_stored, encoded, exif
from tests.helpers.specs import CELLS

WIDTH, HEIGHT = 12, 10
RED = (255, 0, 0)


def red(mode: str) -> Image.Image:
    return Image.new("RGB", (WIDTH, HEIGHT), RED).convert(mode)


def transparent_palette() -> bytes:
    """Returns a red palette image with one transparent pixel, at the upper left."""
    picture = Image.new("P", (WIDTH, HEIGHT), 0)
    picture.putpalette([*RED, 0, 0, 255])
    picture.putpixel((0, 0), 1)
    return encoded(picture, "PNG", transparency=1)


def noise() -> Image.Image:
    """Returns an image that does not compress, so half of its bytes are half of its rows."""
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return Image.fromarray(pixels)


def test_rgb_jpeg_is_decoded_unchanged():
    data = encoded(noise(), "JPEG")
    image, size, box, orientation, converted = decode_photograph(data)
    assert (size, box) == ((WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT))
    assert (orientation, converted) == (1, None)
    assert image.mode == "RGB"
    assert np.array_equal(image, Image.open(io.BytesIO(data)))


def gradient(width: int, height: int) -> Image.Image:
    """Returns an image where red grows from left to right, green from top to bottom."""
    red = np.tile(np.linspace(0, 255, width), (height, 1))
    green = np.tile(np.linspace(0, 255, height)[:, None], (1, width))
    return Image.fromarray(np.stack([red, green, 0 * red], axis=-1).astype(np.uint8))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    ("width", "height", "divisor"),
    [(500, 375, 2), (501, 333, 2), (255, 400, 1), (1037, 600, 4), (2000, 1031, 8), (90, 60, 1)],
)
def test_reduced_decoding_gives_the_same_picture(file_format, width, height, divisor):
    data = encoded(gradient(width, height), file_format)
    found = decode_photograph(data, at_least=(128, 128))
    if file_format == "JPEG":
        assert found.image.size == (-(-width // divisor), -(-height // divisor))
        assert found.box == (0, 0, width / divisor, height / divisor)
    assert found.size == (width, height)
    in_full = decode_photograph(data)
    small, expected = (
        np.asarray(picture.image.resize((64, 64), Image.Resampling.BILINEAR, picture.box), int)
        for picture in (found, in_full)
    )
    assert np.abs(small - expected).max() <= 3


@pytest.mark.parametrize("orientation", [1, 6])
def test_reduced_decoding_keeps_at_least_the_given_size(orientation):
    """A target of 100x480 pixels must not decode the image at a quarter of its width.

    With EXIF orientation 6, the file's width is the image's height.
    """
    stored = as_stored(gradient(1000, 800), orientation)
    data = encoded(stored, "JPEG", exif=exif(orientation))
    assert decode_photograph(data, at_least=(100, 480)).image.size == (500, 400)
    assert decode_photograph(data, at_least=(400, 100)).image.size == (500, 400)
    assert decode_photograph(data, at_least=(100, 100)).image.size == (125, 100)


def test_truncated_file_is_refused_in_reduced_decoding():
    data = encoded(gradient(500, 375), "JPEG")
    with pytest.raises(BadExample, match="the photograph cannot be decoded: image file is trunc"):
        decode_photograph(data[: len(data) // 2], at_least=(128, 128))


@pytest.mark.parametrize(
    ("data", "said", "colour"),
    [
        (encoded(red("RGB"), "PNG"), "PNG file", RED),
        (encoded(red("RGBA"), "PNG"), "PNG file with RGBA colours", RED),
        (encoded(red("L"), "JPEG"), "L colours", (76, 76, 76)),
        (encoded(red("CMYK"), "JPEG"), "CMYK colours", RED),
        (encoded(red("RGB"), "GIF"), "GIF file with P colours", RED),
        (encoded(red("L"), "PNG"), "PNG file with L colours", (76, 76, 76)),
        (encoded(red("P"), "PNG"), "PNG file with P colours", RED),
        (transparent_palette(), "PNG file with P colours, transparent", RED),
        (encoded(red("LA"), "PNG"), "PNG file with LA colours", (76, 76, 76)),
        (encoded(red("RGB").convert("1", dither=0), "PNG"), "PNG file with 1 colours", (0, 0, 0)),
    ],
    ids=["png", "rgba", "grey", "cmyk", "gif", "grey png", "palette", "transparent", "la", "bits"],
)
def test_other_modes_and_formats_become_rgb_and_are_described(data, said, colour):
    image, *_, converted = decode_photograph(data)
    assert (image.mode, image.size) == ("RGB", (WIDTH, HEIGHT))
    assert converted == said
    assert np.allclose(image.getpixel((WIDTH - 1, HEIGHT - 1)), colour, atol=2)


CLEAR = (0, 255, 0, 0)


def half_clear(mode: str, **options) -> bytes:
    """Returns an image with opaque red, and fully transparent green in the left half."""
    picture = red("RGBA")
    picture.paste(CLEAR, (0, 0, WIDTH // 2, HEIGHT))
    return encoded(picture.convert(mode), **{"file_format": "PNG"} | options)


def half_clear_palette(transparency: int | bytes, file_format: str = "PNG") -> bytes:
    picture = Image.new("P", (WIDTH, HEIGHT), 0)
    picture.putpalette([*RED, *CLEAR[:3]])
    picture.paste(1, (0, 0, WIDTH // 2, HEIGHT))
    return encoded(picture, file_format, transparency=transparency)


def half_clear_by_colour(mode: str, clear, opaque) -> bytes:
    """Returns a PNG file that declares one colour as transparent."""
    picture = Image.new(mode, (WIDTH, HEIGHT), opaque)
    picture.paste(clear, (0, 0, WIDTH // 2, HEIGHT))
    return encoded(picture, "PNG", transparency=clear)


HALF_CLEAR = {
    "rgba": half_clear("RGBA"),
    "la": half_clear("LA"),
    "webp": half_clear("RGBA", file_format="WEBP", lossless=True, exact=True),
    "tiff": half_clear("RGBA", file_format="TIFF"),
    "palette, one colour": half_clear_palette(1),
    "palette, bytes": half_clear_palette(bytes([255, 0])),
    "gif": half_clear_palette(1, "GIF"),
    "colour": half_clear_by_colour("RGB", (0, 255, 0), RED),
    "grey level": half_clear_by_colour("L", 7, 76),
    "bit": half_clear_by_colour("1", 1, 0),
}


@pytest.mark.parametrize("data", HALF_CLEAR.values(), ids=HALF_CLEAR.keys())
@pytest.mark.parametrize("at_least", [None, (4, 4)])
def test_transparent_pixels_become_grey(data, at_least):
    image, *_, converted = decode_photograph(data, at_least)
    assert image.mode == "RGB"
    assert image.getpixel((0, 0)) == image.getpixel((WIDTH // 2 - 1, HEIGHT - 1)) == (128,) * 3
    assert image.getpixel((WIDTH - 1, 0)) in (RED, (76, 76, 76), (0, 0, 0))
    assert converted.endswith(", transparent")


@pytest.mark.parametrize("mode", ["PA", "La", "RGBa", "LA", "RGBA"])
def test_every_mode_with_transparency_is_converted(mode):
    picture = red("RGBA")
    picture.paste(CLEAR, (0, 0, WIDTH // 2, HEIGHT))
    picture = picture.convert("LA").convert("La") if mode == "La" else picture.convert(mode)
    seen = photograph.on_grey(photograph.with_transparency(picture))
    assert seen.getpixel((0, 0)) == (128, 128, 128)
    assert seen.getpixel((WIDTH - 1, 0)) == (RED if "RGB" in mode or mode == "PA" else (76,) * 3)


def test_partly_transparent_pixels_are_blended_with_grey():
    picture = Image.new("RGBA", (WIDTH, HEIGHT), (255, 0, 0, 51))
    image, *_ = decode_photograph(encoded(picture, "PNG"))
    assert image.getpixel((0, 0)) == (round(0.2 * 255 + 0.8 * 128), 102, 102)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("at_least", [None, (64, 64)])
def test_image_is_turned_upright_and_described(file_format, orientation, at_least):
    """The sides are not divisible by 8, so the partial pixels end up at another edge."""
    upright = gradient(1037, 531)
    options = {"quality": 95} if file_format in ("JPEG", "WEBP") else {}
    stored = as_stored(upright, orientation)
    data = encoded(stored, file_format, exif=exif(orientation), **options)
    found = decode_photograph(data, at_least)
    assert (found.size, found.orientation) == (upright.size, orientation)
    if file_format == "JPEG":
        assert found.image.size == (upright.size if at_least is None else (130, 67))
        said = f"EXIF orientation {orientation}" if orientation > 1 else None
        assert found.converted == said
    small, expected = (
        np.asarray(image.resize((64, 64), Image.Resampling.BILINEAR, box), int)
        for image, box in ((found.image, found.box), (upright, None))
    )
    assert np.abs(small - expected).max() <= 4


DAMAGED_EXIF = [
    b"",
    bytes(3),
    b"II*\0\xff\xff\xff\xff",
    b"MM\0*\0\0\0\x08\xff\xff" + 50 * b"\xff",
    b"II*\0\x08\0\0\0\x01\0\x12\x01\x02\0\x02\0\0\0AB\0\0\0\0\0\0",  # orientation as text
    b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x63\0\0\0\0\0\0\0",  # orientation 99
]


@pytest.mark.parametrize("data", DAMAGED_EXIF)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_data_are_ignored(file_format, data):
    picture = encoded(gradient(50, 30), file_format, exif=b"Exif\0\0" + data)
    found = decode_photograph(picture, at_least=(8, 8))
    assert (found.orientation, found.size) == (1, (50, 30))


@pytest.mark.parametrize("side", [1100, 1500])  # Pillow itself refuses what is twice too large
def test_image_above_the_megapixel_limit_is_refused(monkeypatch, side):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)  # and back after the test
    picture = encoded(Image.new("L", (side, side), 255), "PNG")
    photograph.limit_megapixels(3)
    assert decode_photograph(picture).size == decode_mask(picture, CELLS).shape == (side, side)
    photograph.limit_megapixels(1)
    for what, decode in (
        ("photograph", decode_photograph),
        ("mask", lambda data: decode_mask(data, CELLS)),
    ):
        with pytest.raises(BadExample) as caught:
            decode(picture)
        words = f"the {what} has more than 1 megapixels, the limit; reduce it first"
        assert str(caught.value) == words


def test_default_limit_accepts_phone_images():
    assert photograph.MAX_MEGAPIXELS * 1_000_000 >= 16320 * 12240
    assert Image.MAX_IMAGE_PIXELS == photograph.MAX_MEGAPIXELS * 1_000_000


EMPTY_QOI = b"qoif" + struct.pack(">IIBB", WIDTH, HEIGHT, 3, 0)
"""Pillow's decoder of this format raises IndexError."""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the photograph is an empty file"),
        (b"<html>503 Service Unavailable</html>", "the photograph is not an image"),
        (encoded(noise(), "JPEG")[:20], "the photograph is not an image"),
        (encoded(noise(), "JPEG")[:-50], "the photograph cannot be decoded: image file is trunc"),
        (encoded(noise(), "PNG")[:-200], "the photograph cannot be decoded: image file is trunc"),
        (EMPTY_QOI, "the photograph cannot be decoded: "),
    ],
    ids=["empty", "garbage", "cut jpeg header", "cut jpeg", "cut png", "no pixels"],
)
def test_unreadable_file_is_refused(data, reason):
    with pytest.raises(BadExample) as caught:
        decode_photograph(data)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_grey_of_more_than_8_bits_is_scaled_to_8(kind):
    """A 12-bit camera uses few of the 16-bit values."""
    levels = np.full((HEIGHT, WIDTH), 1000, kind)
    levels[0, :3] = 500, 2500, 3000
    found = decode_photograph(encoded(Image.fromarray(levels), "TIFF"))
    assert np.asarray(found.image)[0, :4].tolist() == [[0] * 3, [204] * 3, [255] * 3, [51] * 3]
    assert found.converted.startswith("TIFF file with ")


def test_constant_16_bit_image_becomes_black():
    data = encoded(Image.fromarray(np.full((HEIGHT, WIDTH), 20_000, np.uint16)), "TIFF")
    assert not np.asarray(decode_photograph(data).image).any()


def test_nan_pixels_are_refused():
    data = encoded(Image.fromarray(np.full((HEIGHT, WIDTH), np.nan, np.float32)), "TIFF")
    with pytest.raises(BadExample, match="not finite"):
        decode_photograph(data)
