"""At original size: the same network, scored against masks that nobody resized."""

import io

import numpy as np
import pytest
from PIL import Image

from petseg.core.errors import PetsegError
from petseg.evaluation import full_size, original_size
from petseg.sources import acquisition, oxford_pets


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw") / "dataset"
    acquisition.draw_dataset(folder, train=1, test=4, image_size=32, seed=3)
    return folder


def encoded(labels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(labels + 1).save(stream, "PNG")
    return stream.getvalue()


def test_masks_come_in_the_order_asked_for(raw):
    stored = {example.name: example.mask for example in oxford_pets.examples(raw, "test")}
    names = sorted(stored, reverse=True)[1:]
    assert original_size.masks(raw, "test", names) == [stored[name] for name in names]


def test_a_photograph_that_the_dataset_lacks_is_named(raw):
    with pytest.raises(PetsegError, match=r"hold Nessie_1, which .* does not; .*dvc repro -f"):
        original_size.masks(raw, "test", ["Nessie_1"])


@pytest.mark.parametrize(
    ("shapes", "differs"),
    [([(8, 8), (8, 8)], False), ([(8, 8), (8, 9)], True), ([(9, 8)], True), ([], False)],
)
def test_another_width_or_height_is_another_size(shapes, differs):
    masks = [encoded(np.zeros(shape, np.uint8)) for shape in shapes]
    assert original_size.any_differs(masks, 8) == differs


def test_a_large_photograph_is_counted_in_bands(monkeypatch):
    rng = np.random.default_rng(2)
    logits, truth = rng.normal(size=(8, 8, 3)), rng.integers(0, 3, (50, 31), np.uint8)
    mask = encoded(truth)
    whole = original_size.confusion_matrix(logits, mask)
    monkeypatch.setattr(full_size, "BAND_PIXELS", 100)
    np.testing.assert_array_equal(original_size.confusion_matrix(logits, mask), whole)
    assert whole.sum() == truth.size


def test_a_mask_stored_on_its_side_is_scored_upright():
    """As in the records, where photograph and mask are turned as their EXIF data say."""
    rng = np.random.default_rng(3)
    logits, truth = rng.normal(size=(8, 8, 3)), rng.integers(0, 3, (9, 14), np.uint8)
    upright = encoded(truth)
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.open(io.BytesIO(upright)).transpose(Image.Transpose.ROTATE_90).save(
        stream, "PNG", exif=exif
    )
    found, expected = (
        original_size.confusion_matrix(logits, mask) for mask in (stream.getvalue(), upright)
    )
    np.testing.assert_array_equal(found, expected)
