"""What Pillow reads as a photograph is taken, what the files' names say is not believed."""

import io
import struct

import numpy as np
import pytest
from PIL import Image

from petseg.data.integrity import BadExample, decode_mask, decode_photograph

WIDTH, HEIGHT = 12, 10
RED = (255, 0, 0)


def encoded(image: Image.Image, file_format: str, **options) -> bytes:
    stream = io.BytesIO()
    image.save(stream, file_format, **options)
    return stream.getvalue()


def red(mode: str) -> Image.Image:
    return Image.new("RGB", (WIDTH, HEIGHT), RED).convert(mode)


def transparent_palette() -> bytes:
    """A red picture of a palette whose transparent colour is at the upper left corner."""
    picture = Image.new("P", (WIDTH, HEIGHT), 0)
    picture.putpalette([*RED, 0, 0, 255])
    picture.putpixel((0, 0), 1)
    return encoded(picture, "PNG", transparency=1)


def trimap(values) -> bytes:
    return encoded(Image.fromarray(np.array(values, np.uint8)), "PNG")


def noise() -> Image.Image:
    """A picture that does not compress, so that half of its bytes is half of its rows."""
    pixels = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    return Image.fromarray(pixels)


def test_an_ordinary_photograph_is_taken_as_it_is():
    data = encoded(noise(), "JPEG")
    image, size, box, converted = decode_photograph(data)
    assert (size, box, converted) == ((WIDTH, HEIGHT), (0, 0, WIDTH, HEIGHT), None)
    assert image.mode == "RGB"
    assert np.array_equal(image, Image.open(io.BytesIO(data)))


def gradient(width: int, height: int) -> Image.Image:
    """Red grows from left to right, green from top to bottom."""
    red = np.tile(np.linspace(0, 255, width), (height, 1))
    green = np.tile(np.linspace(0, 255, height)[:, None], (1, width))
    return Image.fromarray(np.stack([red, green, 0 * red], axis=-1).astype(np.uint8))


@pytest.mark.parametrize("file_format", ["JPEG", "PNG"])
@pytest.mark.parametrize(
    ("width", "height", "divisor"),
    [(500, 375, 2), (501, 333, 2), (255, 400, 1), (1037, 600, 4), (2000, 1031, 8), (90, 60, 1)],
)
def test_a_photograph_that_may_be_smaller_is_the_same_picture(file_format, width, height, divisor):
    data = encoded(gradient(width, height), file_format)
    found = decode_photograph(data, at_least=128)
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


def test_a_cut_photograph_is_refused_at_any_size():
    data = encoded(gradient(500, 375), "JPEG")
    with pytest.raises(BadExample, match="the photograph cannot be decoded: image file is trunc"):
        decode_photograph(data[: len(data) // 2], at_least=128)


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
        (transparent_palette(), "PNG file with P colours", RED),
        (encoded(red("LA"), "PNG"), "PNG file with LA colours", (76, 76, 76)),
        (encoded(red("RGB").convert("1", dither=0), "PNG"), "PNG file with 1 colours", (0, 0, 0)),
    ],
    ids=["png", "rgba", "grey", "cmyk", "gif", "grey png", "palette", "transparent", "la", "bits"],
)
def test_other_photographs_become_rgb_and_it_is_said(data, said, colour):
    image, *_, converted = decode_photograph(data)
    assert (image.mode, image.size) == ("RGB", (WIDTH, HEIGHT))
    assert converted == said
    assert np.allclose(image.getpixel((WIDTH - 1, HEIGHT - 1)), colour, atol=2)


EMPTY_QOI = b"qoif" + struct.pack(">IIBB", WIDTH, HEIGHT, 3, 0)
"""Pillow's decoder of this format lets an IndexError out."""


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
def test_a_photograph_that_cannot_be_read_is_refused(data, reason):
    with pytest.raises(BadExample) as caught:
        decode_photograph(data)
    assert str(caught.value).startswith(reason)


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_a_photograph_that_would_turn_white_is_refused(kind):
    data = encoded(Image.fromarray(np.full((HEIGHT, WIDTH), 20_000, kind)), "TIFF")
    with pytest.raises(BadExample, match="the photograph has more than 8 bits"):
        decode_photograph(data)


VALUES = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 3 + 1


def test_a_mask_keeps_its_values():
    mask = decode_mask(trimap(VALUES), (WIDTH, HEIGHT))
    assert mask.mode == "L"
    assert np.array_equal(mask, VALUES)


def test_the_values_of_a_palette_mask_are_its_indices_and_not_its_colours():
    picture = Image.fromarray(VALUES.astype(np.uint8)).convert("P")
    picture.putpalette([0, 0, 0, 200, 10, 10, 10, 200, 10, 10, 10, 200])
    mask = decode_mask(encoded(picture, "PNG"), (WIDTH, HEIGHT))
    assert mask.mode == "L"
    assert np.array_equal(mask, VALUES)


def test_a_mask_of_single_bits_is_all_pet_in_bytes():
    mask = decode_mask(encoded(Image.new("1", (WIDTH, HEIGHT), 1), "PNG"), (WIDTH, HEIGHT))
    assert np.asarray(mask).dtype == np.uint8
    assert np.array_equal(mask, np.ones((HEIGHT, WIDTH)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "the mask is an empty file"),
        (b"nothing", "the mask is not an image"),
        (encoded(noise().convert("L"), "PNG")[:-60], "the mask cannot be decoded: image file is t"),
        (trimap(VALUES.T), "the mask is 10x12, the photograph 12x10"),
        (encoded(red("RGB"), "PNG"), "the mask is not one channel of 8 bits, but RGB"),
        (encoded(red("LA"), "PNG"), "the mask is not one channel of 8 bits, but LA"),
        (
            encoded(Image.fromarray(VALUES.astype(np.uint16)), "PNG"),
            "the mask is not one channel of 8 bits, but I;16",
        ),
        (trimap(VALUES - 1), "the mask holds [0], which are not among (1, 2, 3)"),
        (trimap(VALUES + 1), "the mask holds [4], which are not among (1, 2, 3)"),
        (encoded(Image.new("1", (WIDTH, HEIGHT)), "PNG"), "the mask holds [0], which are not am"),
    ],
    ids=["empty", "garbage", "cut", "size", "rgb", "la", "16 bits", "zero", "four", "zero bits"],
)
def test_a_mask_that_is_no_trimap_of_the_photograph_is_refused(data, reason):
    with pytest.raises(BadExample) as caught:
        decode_mask(data, (WIDTH, HEIGHT))
    assert str(caught.value).startswith(reason)
