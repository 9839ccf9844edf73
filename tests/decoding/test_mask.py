"""A mask's values or colours become labels, or the mask is refused."""

import numpy as np
import pytest
from PIL import Image

from petseg.core.dataset_spec import VOID, DatasetSpec, parse_spec
from petseg.decoding.mask import UnknownValues, decode_mask
from petseg.decoding.photograph import BadExample, decode_photograph
from tests.helpers.images import as_stored, encoded, exif
from tests.helpers.specs import CELLS, PAINTED, PETS, STREET

WIDTH, HEIGHT = 12, 10
SIZE = (WIDTH, HEIGHT)
LABELS = np.arange(HEIGHT * WIDTH).reshape(HEIGHT, WIDTH) % 3
TRIMAP = (LABELS + 1).astype(np.uint8)

SOFT = parse_spec(
    {
        "name": "soft",
        "classes": [{"name": "ground", "value": 0}, {"name": "thing", "value": 255}],
        "threshold": 128,
    },
    "soft",
)
INKED = parse_spec(
    {
        "name": "inked",
        "classes": [
            {"name": "paper", "mask_colour": "#FFFFFF"},
            {"name": "ink", "mask_colour": "#000000"},
        ],
    },
    "inked",
)


def painted(*colours: str) -> Image.Image:
    """Returns an image with a column of each colour, from left to right."""
    image = Image.new("RGB", (len(colours), HEIGHT))
    for column, colour in enumerate(colours):
        image.paste(colour, (column, 0, column + 1, HEIGHT))
    return image


def labels(data: bytes, spec: DatasetSpec) -> list[int]:
    """Returns the labels of the first row. All rows are equal."""
    found = decode_mask(data, spec)
    assert found.dtype == np.uint8
    assert (found == found[0]).all()
    return found[0].tolist()


def row(*values: int, kind=np.uint8) -> np.ndarray:
    return np.tile(np.array(values, kind), (HEIGHT, 1))


def test_values_become_labels():
    found = decode_mask(encoded(TRIMAP), PETS, SIZE)
    assert (found.dtype, found.shape) == (np.uint8, (HEIGHT, WIDTH))
    assert np.array_equal(found, LABELS)


def test_void_value_becomes_void_label():
    assert labels(encoded(row(0, 255, 128)), CELLS) == [0, 1, VOID]


def test_values_of_palette_mask_are_its_indices():
    picture = Image.fromarray(TRIMAP).convert("P")
    picture.putpalette([0, 0, 0, 200, 10, 10, 10, 200, 10, 10, 10, 200])
    assert np.array_equal(decode_mask(encoded(picture), PETS), LABELS)
    see_through = encoded(picture, transparency=2)
    assert np.array_equal(decode_mask(see_through, PETS), LABELS)


def test_white_in_1_bit_mask_is_255():
    bits = Image.fromarray(row(0, 255)).convert("1")
    assert labels(encoded(bits), CELLS) == [0, 1]


@pytest.mark.parametrize(
    ("kind", "file_format"), [("<u2", "PNG"), (">u2", "TIFF"), ("<i4", "TIFF")]
)
def test_16_bit_values_become_labels(kind, file_format):
    values = row(0, 1000, 19_000, 65_535, kind=np.dtype(kind))
    if kind == ">u2":  # big-endian, which Pillow does not write from an array
        picture = Image.frombytes("I;16B", values.shape[::-1], values.tobytes())
    else:
        picture = Image.fromarray(values)
    assert labels(encoded(picture, file_format), STREET) == [0, 1, 19, VOID]


def test_values_beyond_16_bits_are_unknown():
    with pytest.raises(UnknownValues) as caught:
        decode_mask(encoded(row(0, -1, 65_536, 1000, kind=np.int32), "TIFF"), STREET)
    assert caught.value.pixels == {-1: HEIGHT, 65_536: HEIGHT}


def test_colours_become_labels_in_upper_or_lower_case():
    picture = painted("#0080ff", "#804000", "#008000", "#ff0000", "#000000")
    expected = [0, 1, 1, 2, VOID]
    assert labels(encoded(picture), PAINTED) == expected
    assert labels(encoded(picture.convert("RGBA")), PAINTED) == expected
    assert labels(encoded(picture.quantize(5)), PAINTED) == expected
    assert labels(encoded(painted("#ffffff", "#000000")), INKED) == [0, 1]


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P"])
def test_grey_mask_with_colour_classes_is_accepted(mode):
    assert labels(encoded(painted("#ffffff", "#000000").convert(mode)), INKED) == [0, 1]


def test_slightly_different_colour_is_unknown():
    with pytest.raises(UnknownValues) as caught:
        decode_mask(encoded(painted("#0080ff", "#0080fe", "#008100", "#0080fe")), PAINTED)
    assert caught.value.pixels == {"#0080fe": 2 * HEIGHT, "#008100": HEIGHT}
    assert caught.value.mask_pixels == 4 * HEIGHT
    assert str(caught.value) == "the mask holds #0080fe, #008100: neither classes nor void"


def test_unknown_values_are_counted_and_partly_listed():
    with pytest.raises(UnknownValues) as caught:
        decode_mask(encoded(row(1, 9, 9, 2, *range(10, 20), 3)), PETS)
    assert caught.value.pixels == {9: 2 * HEIGHT} | dict.fromkeys(range(10, 20), HEIGHT)
    words = "the mask holds 9, 10, 11, 12, 13 and 6 more: neither classes nor void"
    assert str(caught.value) == words


SHADES = [0, 127, 128, 255]


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P"])
def test_threshold_separates_dark_and_bright(mode):
    assert labels(encoded(Image.fromarray(row(*SHADES)).convert(mode)), SOFT) == [0, 0, 1, 1]


def test_threshold_accepts_jpeg():
    columns = np.repeat(row(0, 255), 16, axis=1)
    for mode in ("L", "RGB"):
        data = encoded(Image.fromarray(columns).convert(mode), "JPEG", quality=50)
        assert np.array_equal(decode_mask(data, SOFT), columns // 255)


def test_jpeg_without_threshold_is_refused():
    for spec, data in (
        (CELLS, encoded(row(255, 255), "JPEG")),
        (INKED, encoded(painted("#ffffff"), "JPEG")),
    ):
        decode_photograph(data)
        with pytest.raises(BadExample, match=r"is a JPEG.*save it as PNG.*a threshold in dataset"):
            decode_mask(data, spec)


NOISE = np.random.default_rng(0).integers(0, 256, (HEIGHT, WIDTH), np.uint8)
"""It does not compress, so the end of the file contains pixels."""

RED = Image.new("RGB", SIZE, "#ff0000")


def see_through() -> Image.Image:
    picture = painted("#0080ff", "#ff0000").convert("RGBA")
    picture.putpixel((0, 0), (0, 128, 255, 254))
    return picture


@pytest.mark.parametrize(
    ("data", "spec", "reason"),
    [
        (b"", PETS, "the mask is an empty file"),
        (b"nothing", PETS, "the mask is not an image"),
        (encoded(NOISE)[:-60], PETS, "the mask cannot be decoded: "),
        (
            encoded(RED),
            PETS,
            "the mask is not one channel of values, but RGB; for colour masks",
        ),
        (encoded(RED.convert("LA")), PETS, "the mask is not one channel of values, but LA"),
        (encoded(row(1.0, kind=np.float32), "TIFF"), PETS, "the mask is not one channel"),
        (encoded(see_through()), PAINTED, "the mask is transparent in parts"),
        (encoded(see_through()), SOFT, "the mask is transparent in parts"),
        (encoded(row(1, kind=np.uint16)), PAINTED, "the mask has more than 8 bits a pixel"),
        (encoded(row(1, kind=np.uint16)), SOFT, "the mask has more than 8 bits a pixel"),
        (encoded(TRIMAP - 1), PETS, "the mask holds 0: neither classes nor void"),
    ],
    ids=[
        *("empty", "garbage", "cut", "rgb", "la", "floats", "transparent", "transparent grey"),
        *("16 bits for colours", "16 bits for a threshold", "zero"),
    ],
)
def test_unsupported_mask_is_refused(data, spec, reason):
    with pytest.raises(BadExample) as caught:
        decode_mask(data, spec)
    assert str(caught.value).startswith(reason)


def test_wrong_size_is_refused_before_values_are_checked():
    with pytest.raises(BadExample) as caught:
        decode_mask(encoded(TRIMAP.T + 7), PETS, SIZE)
    assert str(caught.value) == "the mask is 10x12, the image 12x10"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
@pytest.mark.parametrize("spec", [PETS, STREET], ids=["8 bits", "16 bits"])
def test_mask_is_turned_upright_by_exif(file_format, orientation, spec):
    values = TRIMAP if spec is PETS else (1000 * LABELS).astype(np.uint16)
    stored = as_stored(Image.fromarray(values), orientation)
    data = encoded(stored, file_format, exif=exif(orientation))
    np.testing.assert_array_equal(decode_mask(data, spec, SIZE), LABELS)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_mask_of_image_that_lies_on_its_side_is_refused(orientation):
    data = encoded(as_stored(RED, orientation), "JPEG", exif=exif(orientation))
    photograph = decode_photograph(data)
    decode_mask(encoded(TRIMAP), PETS, photograph.size, photograph.orientation)
    with pytest.raises(BadExample) as caught:
        decode_mask(encoded(TRIMAP.T), PETS, photograph.size, photograph.orientation)
    turned = f", turned upright (EXIF orientation {orientation})," if orientation >= 5 else ""
    assert str(caught.value) == f"the mask is 10x12, the image{turned} 12x10"
