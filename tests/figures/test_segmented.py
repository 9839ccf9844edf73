"""Pictures of a segmented image: size, colours, content."""

import io

import numpy as np
import pytest
from PIL import Image, ImageColor

from petseg.decoding.mask import decode_mask
from petseg.figures import segmented
from petseg.figures.palette import colour_mask
from tests.helpers.images import encoded
from tests.helpers.specs import CELLS, PAINTED, PETS, STREET

GREY = (90, 90, 90)
PET, BACKGROUND, BORDER = PETS.labels(["pet", "background", "border"])
SPECS = pytest.mark.parametrize("spec", [PETS, CELLS, STREET, PAINTED], ids=lambda spec: spec.name)


def scene(height: int, width: int) -> np.ndarray:
    """Labels: a pet in the middle third, a border around, background elsewhere."""
    labels = np.full((height, width), BACKGROUND, np.uint8)
    labels[height // 5 : -height // 5, width // 5 : -width // 5] = BORDER
    labels[height // 3 : -height // 3, width // 3 : -width // 3] = PET
    return labels


def stripes(spec) -> np.ndarray:
    """Labels with three columns per class, 5 high."""
    return np.tile(np.arange(len(spec.classes), dtype=np.uint8).repeat(3), (5, 1))


@SPECS
def test_label_picture_decodes_as_a_mask_of_the_dataset(spec):
    labels = stripes(spec)
    data = encoded(segmented.label_picture(labels, spec))
    picture = Image.open(io.BytesIO(data))
    if spec is PAINTED:  # the colours are what counts in such a mask
        data = encoded(picture.convert("RGB"))
    else:
        values = np.array([one.value[0] for one in spec.classes])
        np.testing.assert_array_equal(np.asarray(picture), values[labels])
    np.testing.assert_array_equal(decode_mask(data, spec), labels)


@pytest.mark.parametrize("spec", [PETS, CELLS], ids=lambda spec: spec.name)
def test_label_picture_shows_the_class_colours(spec):
    seen = segmented.label_picture(stripes(spec), spec).convert("RGB")
    np.testing.assert_array_equal(np.asarray(seen), colour_mask(stripes(spec), spec))


@pytest.mark.parametrize(("height", "width"), [(700, 900), (300, 120), (33, 1000), (5, 4)])
def test_outlines_are_on_both_sides_of_each_boundary_only(height, width):
    labels = scene(height, width)
    image = Image.new("RGB", (width, height), GREY)
    picture = np.asarray(segmented.outlined(image, labels, PETS))[:height, :width]
    line = max(1, round(min(height, width) / 250))
    rows, columns = np.nonzero(labels[:, 1:] != labels[:, :-1])
    for side in (0, 1):
        colours = picture[rows, columns + side]
        np.testing.assert_array_equal(colours, colour_mask(labels, PETS)[rows, columns + side])
    inside = np.asarray(picture[height // 2, width // 2])
    if min(height, width) // 3 > 2 * line + 1:
        tint = np.array(ImageColor.getrgb(PETS.colours[PET]))
        alpha = segmented.TINT_ALPHA / 255
        expected = (1 - alpha) * np.array(GREY) + alpha * tint
        np.testing.assert_allclose(inside, expected, atol=0.51)
        assert tuple(picture[0, 0]) == GREY


def test_outlined_in_bands_equals_the_whole_image(monkeypatch):
    labels = scene(70, 50)
    noise = np.random.default_rng(0).integers(0, 256, (70, 50, 3), np.uint8)
    image = Image.fromarray(noise)
    whole = segmented.outlined(image, labels, PETS)
    monkeypatch.setattr(segmented, "BAND_PIXELS", 13 * 50)
    assert segmented.outlined(image, labels, PETS) == whole


@pytest.mark.parametrize("width", [40, 1200])
def test_legend_fits_below_the_image(width):
    labels = scene(300, width)
    picture = segmented.outlined(Image.new("RGB", (width, 300)), labels, PETS)
    assert picture.height > 300 and picture.width >= width
    strip = np.asarray(picture)[300:]
    for colour in PETS.colours:
        assert (strip == ImageColor.getrgb(colour)).all(axis=-1).any()
    assert (strip[:, -3:] == 255).all()  # nothing is cut off at the right


@pytest.mark.parametrize("size", [(40, 300), (300, 300), (1600, 900)])
def test_legend_of_many_classes_wraps_and_lists_only_present_ones(size):
    labels = np.zeros(size[::-1], np.uint8)
    rows = np.array_split(np.arange(size[1]), 15)
    for label, part in enumerate(rows):
        labels[part] = label
    picture = segmented.outlined(Image.new("RGB", size), labels, STREET)
    assert picture.width <= max(size[0], segmented.LEAST_LEGEND)
    strip = np.asarray(picture)[size[1] :]
    for label, colour in enumerate(STREET.colours):
        shown = (strip == ImageColor.getrgb(colour)).all(axis=-1).any()
        assert shown == (label < 15) or colour == "#000000"  # the colour of the letters
    assert (strip[:, -3:] == 255).all() and (strip[-3:] == 255).all(), "something is cut off"


def test_classes_of_regions_are_tinted_or_all_without_regions():
    for spec, tinted in ((CELLS, [0, 1]), (PAINTED, [2]), (PETS, [PET]), (STREET, None)):
        image = Image.new("RGB", (90, 90), GREY)
        for label in range(len(spec.classes)):
            labels = np.full((90, 90), label, np.uint8)
            middle = segmented.outlined(image, labels, spec).getpixel((45, 45))
            expected = label in tinted if tinted is not None else label % 2 == 0 or label == 1
            assert (middle != GREY) == expected


def test_cutout_is_never_more_opaque_than_the_image():
    image = Image.new("RGBA", (4, 1), (10, 20, 30, 100))
    image.putpixel((3, 0), (200, 200, 200, 0))
    opacity = np.array([[255, 128, 0, 255]], np.uint8)
    picture = segmented.cutout(image, opacity)
    assert np.asarray(picture).tolist() == [
        [[10, 20, 30, 100], [10, 20, 30, 50], [0, 0, 0, 0], [0, 0, 0, 0]]
    ]


def test_shares_equal_the_mean_of_each_label():
    labels = scene(30, 20)
    expected = [np.mean(labels == label) for label in (PET, BACKGROUND, BORDER)]
    np.testing.assert_allclose(segmented.shares(labels, 3), expected)
    assert segmented.shares(labels, 20) == segmented.shares(labels, 3) + 17 * [0]


def test_cutout_is_black_where_it_is_transparent():
    opacity = np.array([[255, 128, 0]], np.uint8)
    picture = segmented.cutout(Image.new("RGB", (3, 1), (10, 20, 30)), opacity)
    assert picture.mode == "RGBA"
    assert np.asarray(picture).tolist() == [[[10, 20, 30, 255], [10, 20, 30, 128], [0, 0, 0, 0]]]
