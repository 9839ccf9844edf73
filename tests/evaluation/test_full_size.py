"""From a photograph to the network's square, and from its logits back to the photograph's size."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from petseg.core.classes import BACKGROUND, BORDER, PET
from petseg.evaluation import full_size
from petseg.sources import preparation

RNG = np.random.default_rng(4)
SIZES = [(8, 8), (64, 64), (61, 97), (97, 61), (3, 50), (1, 1), (8, 1)]


def test_the_square_is_that_of_training():
    photograph = Image.fromarray(RNG.integers(0, 256, (50, 31, 3), np.uint8))
    trained_on, _ = preparation.resize(photograph, Image.new("L", photograph.size, 1), 32)
    np.testing.assert_array_equal(full_size.square(photograph, 32), trained_on)


def test_the_square_has_grey_where_the_photograph_is_transparent():
    photograph = Image.new("RGBA", (50, 31), (255, 0, 0, 0))
    assert set(full_size.square(photograph, 8).ravel()) == {128}


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_logits_are_enlarged_as_tensorflow_does(monkeypatch, height, width):
    monkeypatch.setattr(full_size, "BAND_PIXELS", 1000)
    logits = RNG.normal(size=(8, 8, 3)).astype(np.float32)
    enlarged = np.concatenate([band for _, band in full_size.bands(logits, height, width)])
    expected = tf.image.resize(logits, (height, width), antialias=False).numpy()
    np.testing.assert_allclose(enlarged, expected, atol=1e-5)
    assert enlarged.dtype == np.float32


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_bands_are_the_whole_photograph_row_by_row(monkeypatch, height, width):
    logits = RNG.normal(size=(8, 8, 3))
    monkeypatch.setattr(full_size, "BAND_PIXELS", 200)
    rows = [
        row for part, _ in full_size.bands(logits, height, width) for row in range(height)[part]
    ]
    assert rows == list(range(height))
    assert all(
        band.shape[:2] == (part.stop - part.start, width) and band.size <= 3 * max(200, width)
        for part, band in full_size.bands(logits, height, width)
    )


def test_labels_are_made_from_logits_and_not_from_the_small_mask():
    logits = np.zeros((2, 2, 3), np.float32)
    logits[:, 0, PET], logits[:, 1, BACKGROUND] = (
        3,
        1,
    )  # surer of the pet: its edge lies further out
    labels = full_size.labels(logits, 1, 100)
    assert labels.dtype == np.uint8
    assert 60 <= np.count_nonzero(labels == PET) <= 64


def test_at_the_network_s_own_size_nothing_changes():
    logits = RNG.normal(size=(16, 16, 3))
    np.testing.assert_array_equal(full_size.labels(logits, 16, 16), logits.argmax(axis=-1))


def test_opacity_is_full_in_the_pet_none_behind_it_and_between_in_the_border():
    logits = np.zeros((1, 5, 3), np.float32)
    logits[0, :, [PET, BACKGROUND, BORDER]] = [
        [9, 1, 1, 0, 2000],
        [0, 1, 3, 9, 0],
        [0, 9, 9, 0, 3000],
    ]
    labels = full_size.labels(logits, 1, 5)
    assert labels.tolist() == [[PET, BORDER, BORDER, BACKGROUND, BORDER]]
    even, less = 128, round(255 / (1 + np.exp(2)))
    opacity = full_size.opacity(logits, labels)
    assert opacity.tolist() == [[255, even, less, 0, 255]]
    assert opacity.dtype == np.uint8
