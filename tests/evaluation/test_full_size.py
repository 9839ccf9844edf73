"""From images to the network's input, and from logits back."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from petseg.core.dataset_spec import parse_spec
from petseg.core.errors import PetsegError
from petseg.evaluation import full_size
from petseg.sources import prepared
from tests.helpers.specs import PAINTED, PETS, STREET

RNG = np.random.default_rng(4)
PET, BACKGROUND, BORDER = PETS.labels(["pet", "background", "border"])
SIZES = [(8, 8), (64, 64), (61, 97), (97, 61), (3, 50), (1, 1), (8, 1)]


@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_network_input_is_the_whole_resized_image(size):
    pixels = RNG.integers(0, 256, (5, 3, 3), np.uint8)
    seen = full_size.network_input(Image.fromarray(pixels), size)
    assert seen.shape == (*size, 3) and seen.dtype == np.uint8
    expected = tf.image.resize(pixels, size, antialias=True).numpy()
    np.testing.assert_allclose(seen, expected, atol=1.01)


@pytest.mark.parametrize("size", [(32, 32), (24, 40)])
def test_network_input_equals_that_of_training(size):
    image = Image.fromarray(RNG.integers(0, 256, (50, 31, 3), np.uint8))
    trained_on, _ = prepared.resize(image, np.zeros((50, 31), np.uint8), size)
    np.testing.assert_array_equal(full_size.network_input(image, size), trained_on)


def test_network_input_is_grey_where_the_image_is_transparent():
    image = Image.new("RGBA", (50, 31), (255, 0, 0, 0))
    assert set(full_size.network_input(image, (8, 16)).ravel()) == {128}


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_bands_equal_tensorflow_s_bilinear_resize(monkeypatch, height, width):
    monkeypatch.setattr(full_size, "BAND_VALUES", 3000)
    logits = RNG.normal(size=(8, 6, 4)).astype(np.float32)
    enlarged = np.concatenate([band for _, band in full_size.bands(logits, height, width)])
    expected = tf.image.resize(logits, (height, width), antialias=False).numpy()
    np.testing.assert_allclose(enlarged, expected, atol=1e-5)
    assert enlarged.dtype == np.float32


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_bands_cover_every_row_once(monkeypatch, height, width):
    logits = RNG.normal(size=(8, 8, 3))
    monkeypatch.setattr(full_size, "BAND_VALUES", 600)
    rows = [
        row for part, _ in full_size.bands(logits, height, width) for row in range(height)[part]
    ]
    assert rows == list(range(height))
    assert all(
        band.shape[:2] == (part.stop - part.start, width) and band.size <= 3 * max(200, width)
        for part, band in full_size.bands(logits, height, width)
    )


def test_labels_are_computed_from_logits_not_from_the_small_mask():
    logits = np.zeros((2, 2, 3), np.float32)
    # The larger logit moves the pet's edge out.
    logits[:, 0, PET], logits[:, 1, BACKGROUND] = 3, 1
    labels = full_size.labels(logits, 1, 100)
    assert labels.dtype == np.uint8
    assert 60 <= np.count_nonzero(labels == PET) <= 64


@pytest.mark.parametrize("max_sparse_share", [0, 0.25, 1])
def test_labels_equal_the_argmax_of_resized_logits(monkeypatch, max_sparse_share):
    monkeypatch.setattr(full_size, "MAX_SPARSE_SHARE", max_sparse_share)
    monkeypatch.setattr(full_size, "BAND_VALUES", 900)
    smooth = RNG.normal(size=(2, 3, 4)).repeat(8, axis=0).repeat(8, axis=1)
    for logits in (smooth, RNG.normal(size=(16, 24, 4))):
        for size in ((100, 90), (16, 24), (7, 300)):
            bands = [band for _, band in full_size.bands(logits, *size)]
            expected = np.concatenate(bands).argmax(axis=-1)
            np.testing.assert_array_equal(full_size.labels(logits, *size), expected)


def test_labels_at_the_network_s_size_are_unchanged():
    logits = RNG.normal(size=(16, 16, 3))
    np.testing.assert_array_equal(full_size.labels(logits, 16, 16), logits.argmax(axis=-1))


def test_opacity_is_partial_only_in_the_border():
    logits = np.zeros((1, 5, 3), np.float32)
    logits[0, :, [PET, BACKGROUND, BORDER]] = [
        [9, 1, 1, 0, 2000],
        [0, 1, 3, 9, 0],
        [0, 9, 9, 0, 3000],
    ]
    labels = full_size.labels(logits, 1, 5)
    assert labels.tolist() == [[PET, BORDER, BORDER, BACKGROUND, BORDER]]
    even, less = 128, round(255 / (1 + np.exp(2)))
    opacity = full_size.opacity(logits, labels, PETS, "pet")
    assert opacity.tolist() == [[255, even, less, 0, 255]]
    assert opacity.dtype == np.uint8


def random_labels(spec) -> tuple[np.ndarray, np.ndarray]:
    """Returns logits (9, 7, C), and labels of another size."""
    logits = RNG.normal(0, 5, (9, 7, len(spec.classes))).astype(np.float32)
    return logits, full_size.labels(logits, 61, 97)


def test_opacity_in_the_border_is_the_pet_s_probability_against_background():
    logits, labels = random_labels(PETS)
    (_, band), *_ = full_size.bands(logits, *labels.shape)
    odds = band[..., BACKGROUND] - band[..., PET]
    expected = np.where(labels == PET, 255, 0)
    expected = np.where(labels == BORDER, np.rint(255 / (1 + np.exp(odds))), expected)
    np.testing.assert_array_equal(full_size.opacity(logits, labels, PETS, "pet"), expected)


@pytest.mark.parametrize(
    ("spec", "region"),
    [
        (STREET, "even"),
        (STREET, "class 3"),
        (PAINTED, "house"),
        (PETS, "border"),  # only the soft-edge class
    ],
)
def test_opacity_without_a_soft_edge_is_0_or_255(spec, region):
    logits, labels = random_labels(spec)
    expected = np.isin(labels, spec.region_labels(region)) * 255
    assert 0 < np.count_nonzero(expected) < expected.size
    np.testing.assert_array_equal(full_size.opacity(logits, labels, spec, region), expected)


def test_opacity_at_a_soft_edge_compares_all_inside_and_outside_classes():
    classes = [{"name": name, "value": value} for value, name in enumerate("abcde")]
    content = {"name": "five", "classes": classes, "regions": {"ab": ["a", "b", "e"]}}
    spec = parse_spec(content | {"soft_edge": ["e"]}, "here")
    logits, labels = random_labels(spec)
    (_, band), *_ = full_size.bands(logits, *labels.shape)
    inside, outside = (np.exp(band[..., part]).sum(-1) for part in ([0, 1], [2, 3]))
    expected = np.where(labels < 2, 255, 0)
    expected = np.where(labels == 4, 255 * inside / (inside + outside), expected)
    found = full_size.opacity(logits, labels, spec, "ab")
    np.testing.assert_allclose(found, expected, atol=0.51)


def test_unknown_region_is_refused_with_the_known_ones():
    with pytest.raises(PetsegError, match=r"no region or class 'dog'; it has pet, background"):
        full_size.opacity(*random_labels(PETS), PETS, "dog")
