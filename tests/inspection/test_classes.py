"""Proposed classes, void and threshold, which can be used."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg.core.dataset_spec import VOID
from tests.helpers import datasets
from tests.helpers.inspecting import inspected, masks, refused

IMAGE = Image.fromarray(np.zeros((20, 30, 3), np.uint8))


pytestmark = pytest.mark.usefixtures("workdir")


def write(*mask_arrays, suffix: str = ".png", mode: str | None = None) -> Path:
    """A folder with an image for each mask array."""
    folder = Path("folder").absolute()
    for index, array in enumerate(mask_arrays):
        mask = Image.fromarray(array)
        mask = mask.convert(mode) if mode else mask
        datasets.write_pair(folder, str(index), IMAGE.resize(mask.size), mask, mask_suffix=suffix)
    return folder


def stripes(*values, dtype=np.uint8) -> np.ndarray:
    """A mask with equal shares of values."""
    return np.repeat(np.array(values, dtype), 10)[None].repeat(8, axis=0)


def soft(fraction: float = 0.5) -> np.ndarray:
    """0 and 255, with many values at the edge."""
    ramp = np.clip(np.linspace(-255 * 10 * fraction, 255 * 10 * (1 - fraction) + 255, 300), 0, 255)
    return ramp.astype(np.uint8)[None].repeat(20, axis=0)


def test_0_and_255_are_background_and_foreground(capsys):
    found = inspected(capsys, datasets.cells(Path("cells"), 4))
    assert found.dataset.class_names == ("background", "foreground")
    assert dict(found.dataset.regions) == {"foreground": ("foreground",)}
    labels = masks(found.dataset)
    assert len(labels) == 4
    assert all(set(np.unique(mask)) == {0, 1} for mask in labels.values())


def test_class_values_become_classes_named_by_value(capsys):
    found = inspected(capsys, write(stripes(0, 3, 7), stripes(3, 7, 7)))
    assert found.dataset.class_names == ("class_0", "class_3", "class_7")
    assert [one.value for one in found.dataset.classes] == [(0,), (3,), (7,)]
    assert found.dataset.void == () and found.dataset.regions == {}
    assert "0  16.7 %      1  class_0" in found.report
    assert "7  50.0 %      2  class_7" in found.report
    assert "{name: class_3, value: 3}   # 33.3 % of the pixels" in found.yaml


def test_two_classes_have_a_region_for_the_second(capsys):
    found = inspected(capsys, datasets.three(Path("three")))
    assert dict(found.dataset.regions) == {"foreground": ("class_1",)}


def test_twenty_class_values_are_classes(capsys):
    found = inspected(capsys, datasets.twenty(Path("twenty"), 3))
    assert len(found.dataset.classes) == 20
    assert all(set(np.unique(mask)) == set(range(20)) for mask in masks(found.dataset).values())


def test_masks_of_16_bits_are_read(capsys):
    found = inspected(capsys, write(stripes(0, 300, 65_535, dtype=np.uint16)))
    assert [one.value for one in found.dataset.classes] == [(0,), (300,), (65_535,)]
    assert set(np.unique(masks(found.dataset)["0"])) == {0, 1, 2}


def test_1_bit_masks_have_values_0_and_255(capsys):
    found = inspected(capsys, write(stripes(0, 255), mode="1"))
    assert [one.value for one in found.dataset.classes] == [(0,), (255,)]
    assert set(np.unique(masks(found.dataset)["0"])) == {0, 1}


def test_255_beside_small_values_is_void(capsys):
    found = inspected(capsys, datasets.palette(Path("palette"), 3))
    assert found.dataset.void == (255,)
    assert found.dataset.class_names == ("class_0", "class_1", "class_2", "class_3")
    assert found.dataset.colours == datasets.COLOURS
    assert "void: [255]" in found.yaml and "if not, make it a class" in found.yaml
    assert "255   8" in found.report and "(void)" in found.report
    values = {value for mask in masks(found.dataset).values() for value in np.unique(mask)}
    assert values == {0, 1, 2, 3, VOID}


@pytest.mark.parametrize("values", [(0, 128, 255), (0, 100, 200, 255), (254, 255)])
def test_255_beside_large_values_is_a_class(capsys, values):
    found = inspected(capsys, write(stripes(*values)))
    assert found.dataset.void == ()
    assert [one.value for one in found.dataset.classes] == [(value,) for value in values]


def test_many_class_values_with_void_are_not_soft_edges(capsys):
    mask = np.arange(8 * 120).reshape(8, 120) % 130
    found = inspected(capsys, write(np.where(mask == 129, 255, mask).astype(np.uint8)))
    assert len(found.dataset.classes) == 129
    assert found.dataset.void == (255,) and found.dataset.threshold is None


def test_rare_class_values_with_void_are_not_soft_edges(capsys):
    mask = np.zeros((10, 250), np.uint8)
    mask[:, :20] = np.arange(1, 21)
    mask[:, 20:30] = 255
    found = inspected(capsys, write(mask))
    assert len(found.dataset.classes) == 21
    assert found.dataset.void == (255,) and found.dataset.threshold is None


def test_mask_colours_become_classes(capsys):
    found = inspected(capsys, datasets.coloured(Path("coloured"), 3))
    marks = {one.mask_colour for one in found.dataset.classes}
    assert marks == {(colour,) for colour in datasets.COLOURS}
    assert "#3246c8" in found.report
    assert all(set(np.unique(mask)) == {0, 1, 2, 3} for mask in masks(found.dataset).values())


def test_black_and_white_in_rgb_are_background_and_foreground(capsys):
    found = inspected(capsys, write(stripes(0, 255), mode="RGB"))
    assert found.dataset.class_names == ("background", "foreground")
    assert [one.mask_colour for one in found.dataset.classes] == [("#000000",), ("#ffffff",)]
    assert set(np.unique(masks(found.dataset)["0"])) == {0, 1}


def test_grey_and_coloured_masks_together_use_colours(capsys):
    red = np.full((8, 30, 3), (255, 0, 0), np.uint8)
    found = inspected(capsys, write(np.zeros((8, 30), np.uint8), red))
    assert [one.mask_colour for one in found.dataset.classes] == [("#000000",), ("#ff0000",)]
    assert "PNG, L (1)" in found.report and "PNG, RGB (1)" in found.report


@pytest.mark.parametrize("mode", ["L", "RGB"])
@pytest.mark.parametrize("suffix", [".png", ".jpg"])
def test_soft_edges_and_jpeg_need_a_threshold(capsys, mode, suffix):
    found = inspected(capsys, write(soft(), soft(0.3), mode=mode, suffix=suffix))
    assert found.dataset.threshold == 128
    assert found.dataset.class_names == ("background", "foreground")
    assert ("are JPEG files" if suffix == ".jpg" else "have soft edges") in found.yaml
    assert "of their pixels are neither 0 nor 255" in found.yaml
    for mask in masks(found.dataset).values():
        assert set(np.unique(mask)) == {0, 1}


def test_the_comment_on_a_threshold_gives_the_shares(capsys):
    mask = np.zeros((10, 200), np.uint8)
    mask[:, 80:] = 255
    mask[:, 60:80] = np.linspace(20, 240, 20)
    found = inspected(capsys, write(mask))
    assert "10.0 % of their pixels are neither 0 nor 255" in found.yaml
    assert "65.0 % of the pixels become foreground" in found.yaml


def test_jpeg_masks_of_small_values_are_refused(capsys):
    out, message = refused(capsys, write(stripes(0, 1, 2, 3), suffix=".jpg"))
    assert (
        "JPEG alters them" in message
        and "masks/0.jpg" in message
        and "export the masks as PNG" in message
    )
    assert "pairs of image and mask: 1" in out


def test_coloured_jpeg_masks_are_refused(capsys):
    rng = np.random.default_rng(0)
    mask = rng.integers(0, 256, (20, 30, 3), np.uint8)
    _, message = refused(capsys, write(mask, suffix=".jpg"))
    assert "colours, as in masks/0.jpg; JPEG alters them" in message


@pytest.mark.parametrize("shape", [(80, 90, 3), (80, 90)])
def test_too_many_values_or_colours_are_refused(capsys, shape):
    dtype = np.uint8 if len(shape) == 3 else np.uint16
    mask = np.random.default_rng(0).integers(0, np.iinfo(dtype).max, shape, dtype)
    _, message = refused(capsys, write(stripes(0, 1), mask))
    assert "A dataset has 2 to 150 classes" in message and "masks/1.png" in message
    assert "resize them without interpolation" in message


def test_a_single_class_is_refused(capsys):
    out, message = refused(capsys, write(stripes(5, 5)))
    assert "the masks hold 1 class (5)" in message
    assert "5  100.0 %" in out


def test_long_value_tables_are_shortened(capsys):
    found = inspected(capsys, write(np.arange(100, dtype=np.uint8)[None].repeat(4, axis=0)))
    assert found.report.count("class_") == 40
    assert "and 60 more with 60.0 % of the pixels together" in found.report
    assert len(found.dataset.classes) == 100


def text(name: str, content: str) -> None:
    Path("folder", name).write_text(content, encoding="utf-8")


def test_names_in_a_list_are_matched_by_value(capsys):
    folder = write(stripes(0, 1, 2))
    text("classes.txt", "sky\nground\n# a comment\n\ntree\nunused\n")
    found = inspected(capsys, folder)
    assert found.dataset.class_names == ("sky", "ground", "tree")
    assert "# the names are from classes.txt: check that they are the right ones" in found.yaml
    assert "# in classes.txt, but in no mask: unused" in found.yaml


def test_names_in_a_list_may_start_at_value_1(capsys):
    folder = write(stripes(0, 1, 2, 255))
    text("labels.txt", "ground\ntree\n")
    found = inspected(capsys, folder)
    assert found.dataset.class_names == ("background", "ground", "tree")
    assert found.dataset.void == (255,)


def test_a_list_with_too_few_names_is_not_used(capsys):
    folder = write(stripes(0, 255))
    text("labels.txt", "ground\ntree\n")
    assert inspected(capsys, folder).dataset.class_names == ("background", "foreground")


def test_cvat_names_are_matched_by_colour(capsys):
    colours = np.array([[0, 0, 0], [250, 50, 0], [9, 8, 7]], np.uint8)
    folder = write(colours[stripes(0, 1, 2)])
    text("labelmap.txt", "# label:color_rgb:parts:actions\ncar:250,50,0::\nvoid:0,0,0::\n")
    found = inspected(capsys, folder)
    assert found.dataset.class_names == ("class_0", "car")
    assert found.dataset.classes[0].mask_colour == ("#090807",)
    assert found.dataset.void == ("#000000",)
    assert "see its name in labelmap.txt" in found.yaml


def test_names_in_a_table_are_matched_by_palette_colour(capsys):
    folder = datasets.palette(Path("folder"), 3)
    text("class_dict.csv", "name,r,g,b\nband,50,70,200\nground,32,32,32\ndisc, 200, 50, 50\n")
    found = inspected(capsys, folder)
    assert found.dataset.class_names == ("ground", "disc", "class_2", "band")
    assert found.dataset.void == (255,)
