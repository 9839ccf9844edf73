from itertools import combinations

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import ImageColor

from petseg.core.dataset_spec import VOID
from petseg.figures.palette import (
    ALL_IN_LEGEND,
    LONGEST_NAME,
    colour_mask,
    network_styles,
    overlay,
    shortened,
)
from petseg.figures.style import class_handles
from tests.helpers.specs import CELLS, PAINTED, PETS, STREET

PET, BACKGROUND, BORDER = PETS.labels(["pet", "background", "border"])

# Linear RGB as seen without one kind of cone, severity 1.0: Machado, Oliveira and Fernandes, IEEE
# TVCG 15(6), 2009, doi:10.1109/TVCG.2009.113.
VISIONS = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
}
# Linear sRGB to CIE XYZ, white point D65: IEC 61966-2-1.
XYZ_OF_RGB = np.array(
    [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
)


def lab(colour: str, vision: np.ndarray) -> np.ndarray:
    """CIE 1976 L*a*b* as seen with a vision."""
    rgb = np.array(to_rgb(colour))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = XYZ_OF_RGB @ np.clip(vision @ linear, 0, 1) / XYZ_OF_RGB.sum(axis=1)
    x, y, z = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def smallest_difference(colours: list[str], vision: np.ndarray, parts: slice) -> float:
    points = [lab(colour, vision)[parts] for colour in colours]
    return min(np.linalg.norm(first - second) for first, second in combinations(points, 2))


def test_lab_is_right_for_known_colours():
    assert lab("white", np.eye(3)) == pytest.approx([100, 0, 0], abs=0.01)
    assert lab("red", np.eye(3)) == pytest.approx([53.2, 80.1, 67.2], abs=0.1)


@pytest.mark.parametrize("vision", VISIONS)
def test_class_colours_differ_for_each_vision(vision):
    colours = PETS.colours
    assert smallest_difference(colours, VISIONS[vision], slice(0, 3)) > 60
    assert smallest_difference(colours, VISIONS[vision], slice(0, 1)) > 15, "lightness"


def test_class_colours_differ_in_greyscale():
    colours = PETS.colours
    assert smallest_difference(colours, VISIONS["normal"], slice(0, 1)) > 20


@pytest.mark.parametrize("vision", VISIONS)
@pytest.mark.parametrize(
    "networks, least", [(["unet", "shallow"], 80), (["unet", "shallow", "x"], 35)]
)
def test_network_colours_differ_for_each_vision(vision, networks, least):
    styles = network_styles(networks).values()
    colours = [style.colour for style in styles]
    assert smallest_difference(colours, VISIONS[vision], slice(0, 3)) > least
    assert len({style.marker for style in styles}) == len(networks)


def test_classes_and_networks_share_no_colour():
    networks = {style.colour for style in network_styles(["unet", "shallow", "x", "y"]).values()}
    assert not networks & set(PETS.colours)


def test_network_styles_keep_order_and_raw_names_of_unknown_networks():
    styles = network_styles(["shallow", "new_net", "unet"])
    assert list(styles) == ["shallow", "new_net", "unet"]
    assert [style.name for style in styles.values()] == ["Shallow", "new_net", "U-Net"]


def test_colour_mask_uses_exact_class_colours():
    mask = np.array([[PET, BACKGROUND], [BORDER, PET]], np.uint8)
    painted = colour_mask(mask, PETS)
    orange, blue, black = (0xE6, 0x9F, 0x00), (0x00, 0x72, 0xB2), (0, 0, 0)
    assert painted.dtype == np.uint8
    np.testing.assert_array_equal(painted, [[orange, blue], [black, orange]])


@pytest.mark.parametrize("spec", [PETS, CELLS, STREET, PAINTED], ids=lambda spec: spec.name)
def test_colour_mask_paints_every_class_and_void_light_grey(spec):
    mask = np.array([[*range(len(spec.classes)), VOID]], np.uint8)
    *colours, void = colour_mask(mask, spec)[0].tolist()
    assert colours == [list(ImageColor.getrgb(colour)) for colour in spec.colours]
    assert len(set(void)) == 1 and 200 < void[0] < 255


@pytest.mark.parametrize("label", [3, 254, -1])
def test_colour_mask_refuses_an_unknown_label(label):
    with pytest.raises(ValueError, match=f"0..2, or 255; got {label}"):
        colour_mask(np.array([[0, label]]), PETS)


def test_overlay_blends_image_and_class_colours():
    image = np.full((1, 3, 3), 100, np.uint8)
    mask = np.array([[PET, BORDER, VOID]], np.uint8)
    np.testing.assert_array_equal(overlay(image, mask, PETS, 0), image)
    whole = overlay(image, mask, PETS, 1)
    np.testing.assert_array_equal(whole[:, :2], colour_mask(mask, PETS)[:, :2])
    blended = overlay(image, mask, PETS, 0.25)
    assert blended.dtype == np.uint8
    np.testing.assert_array_equal(blended, [[[132, 115, 75], [75, 75, 75], [100, 100, 100]]])


def test_overlay_refuses_other_sizes_and_alpha_above_1():
    image, mask = np.zeros((2, 2, 3), np.uint8), np.zeros((2, 2), np.uint8)
    with pytest.raises(ValueError, match="differ"):
        overlay(image[:1], mask, PETS, 0.5)
    with pytest.raises(ValueError, match="alpha"):
        overlay(image, mask, PETS, 1.5)


def test_legend_lists_each_class_in_its_colour():
    handles = class_handles(PETS, present=[])
    assert [handle.get_label() for handle in handles] == list(PETS.class_names)
    assert [handle.get_facecolor()[:3] for handle in handles] == [
        to_rgb(colour) for colour in PETS.colours
    ]


def test_legend_of_many_classes_lists_only_present_ones():
    assert len(STREET.classes) > ALL_IN_LEGEND
    present = np.array([7, 2, VOID, 7], np.uint8)
    assert [handle.get_label() for handle in class_handles(STREET, present)] == [
        "class 2",
        "class 7",
    ]


def test_shortened_cuts_the_end_of_a_long_name():
    name = "x" * LONGEST_NAME
    assert shortened(name) == name
    assert shortened(f"{name}y") == f"{name[:-1]}…"
