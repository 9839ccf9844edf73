"""Pictures of one segmented photograph: of its size, in the classes' colours, with the truth."""

import io

import numpy as np
import pytest
from PIL import Image, ImageColor

from petseg.core.classes import BACKGROUND, BORDER, PET
from petseg.figures import segmented
from petseg.figures.palette import CLASS_COLOURS, colour_mask
from petseg.sources import integrity

GREY = (90, 90, 90)


def scene(height: int, width: int) -> np.ndarray:
    """A pet in the middle third, a border around it, background elsewhere."""
    labels = np.full((height, width), BACKGROUND, np.uint8)
    labels[height // 5 : -height // 5, width // 5 : -width // 5] = BORDER
    labels[height // 3 : -height // 3, width // 3 : -width // 3] = PET
    return labels


def test_a_label_picture_can_be_looked_at_and_read_back():
    labels = scene(40, 30)
    stream = io.BytesIO()
    segmented.label_picture(labels).save(stream, "PNG")
    stored = integrity.decode_mask(stream.getvalue(), (30, 40))  # as if it were the dataset's own
    np.testing.assert_array_equal(np.asarray(stored), labels + 1)
    seen = np.asarray(Image.open(stream).convert("RGB"))
    np.testing.assert_array_equal(seen, colour_mask(labels))


@pytest.mark.parametrize(("height", "width"), [(700, 900), (300, 120), (33, 1000), (5, 4)])
def test_outlines_lie_on_both_sides_of_each_boundary_and_nowhere_else(height, width):
    labels = scene(height, width)
    photograph = Image.new("RGB", (width, height), GREY)
    picture = np.asarray(segmented.outlined(photograph, labels))[:height, :width]
    line = max(1, round(min(height, width) / 250))
    rows, columns = np.nonzero(labels[:, 1:] != labels[:, :-1])
    for side in (0, 1):
        colours = picture[rows, columns + side]
        np.testing.assert_array_equal(colours, colour_mask(labels)[rows, columns + side])
    inside = np.asarray(picture[height // 2, width // 2])
    if min(height, width) // 3 > 2 * line + 1:
        tint = np.array(ImageColor.getrgb(CLASS_COLOURS[PET]))
        expected = (1 - segmented.PET_ALPHA) * np.array(GREY) + segmented.PET_ALPHA * tint
        np.testing.assert_allclose(inside, expected, atol=0.51)
        assert tuple(picture[0, 0]) == GREY


def test_the_whole_photograph_is_drawn_in_bands(monkeypatch):
    labels = scene(70, 50)
    noise = np.random.default_rng(0).integers(0, 256, (70, 50, 3), np.uint8)
    photograph = Image.fromarray(noise)
    whole = segmented.outlined(photograph, labels)
    monkeypatch.setattr(segmented, "BAND_PIXELS", 13 * 50)
    assert segmented.outlined(photograph, labels) == whole


@pytest.mark.parametrize("width", [40, 1200])
def test_the_legend_stands_below_the_photograph_and_fits(width):
    labels = scene(300, width)
    picture = segmented.outlined(Image.new("RGB", (width, 300)), labels)
    assert picture.height > 300 and picture.width >= width
    strip = np.asarray(picture)[300:]
    for colour in CLASS_COLOURS.values():
        assert (strip == ImageColor.getrgb(colour)).all(axis=-1).any()
    assert (strip[:, -3:] == 255).all()  # nothing is cut off at the right


def test_a_cutout_is_never_more_opaque_than_the_photograph():
    photograph = Image.new("RGBA", (4, 1), (10, 20, 30, 100))
    photograph.putpixel((3, 0), (200, 200, 200, 0))
    opacity = np.array([[255, 128, 0, 255]], np.uint8)
    picture = segmented.cutout(photograph, opacity)
    assert np.asarray(picture).tolist() == [
        [[10, 20, 30, 100], [10, 20, 30, 50], [0, 0, 0, 0], [0, 0, 0, 0]]
    ]


def test_shares_are_those_of_the_pixels():
    labels = scene(30, 20)
    expected = [np.mean(labels == label) for label in (PET, BACKGROUND, BORDER)]
    np.testing.assert_allclose(segmented.shares(labels), expected)


def test_a_cutout_hides_what_is_not_the_pet():
    opacity = np.array([[255, 128, 0]], np.uint8)
    picture = segmented.cutout(Image.new("RGB", (3, 1), (10, 20, 30)), opacity)
    assert picture.mode == "RGBA"
    assert np.asarray(picture).tolist() == [[[10, 20, 30, 255], [10, 20, 30, 128], [0, 0, 0, 0]]]
