"""At original size: the same network, scored against masks that nobody resized."""

import io

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix

from petseg import segmentation
from petseg.data import acquisition, oxford_pets
from petseg.data.records import Examples
from petseg.data.source import in_memory
from petseg.errors import PetsegError
from petseg.evaluation import original_size
from tests.helpers.gradients import whole_numbers


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    folder = tmp_path_factory.mktemp("raw") / "dataset"
    acquisition.draw_dataset(folder, train=1, test=4, image_size=32, seed=3)
    return folder


def encoded(labels: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(labels + 1).save(stream, "PNG")
    return stream.getvalue()


def network() -> keras.Model:
    """Random, but it depends on the picture; of whole numbers, so the same in any batch."""
    photographs = keras.Input((8, 8, 3))
    model = keras.Model(photographs, keras.layers.Conv2D(3, 3, padding="same")(photographs))
    model.set_weights([whole_numbers(3, 3, 3, 3), np.zeros(3)])
    return model


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


def test_each_photograph_is_scored_at_the_size_of_its_mask():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (5, 8, 8, 3), np.uint8)
    truths = [rng.integers(0, 3, shape, np.uint8) for shape in [(8, 8), (30, 21), (5, 9), (9, 40)]]
    truths.append(np.ones((17, 3), np.uint8))
    model = network()
    source = in_memory(Examples(images, images[..., 0], None, None, None))
    matrices = original_size.score_network(model, source, list(map(encoded, truths)), 2, "test")
    logits = segmentation.runner(model)(images)
    for matrix, truth, found in zip(matrices, truths, logits, strict=True):
        predicted = segmentation.labels(found, *truth.shape)
        expected = confusion_matrix(truth.ravel(), predicted.ravel(), labels=[0, 1, 2])
        np.testing.assert_array_equal(matrix, expected)


def test_a_large_photograph_is_counted_in_bands(monkeypatch):
    rng = np.random.default_rng(2)
    logits, truth = rng.normal(size=(8, 8, 3)), rng.integers(0, 3, (50, 31), np.uint8)
    whole = original_size.confusion(logits, truth)
    monkeypatch.setattr(segmentation, "BAND_PIXELS", 100)
    np.testing.assert_array_equal(original_size.confusion(logits, truth), whole)
    assert whole.sum() == truth.size


def test_a_mask_stored_on_its_side_is_scored_upright():
    """As in the records, where photograph and mask are turned as their EXIF data say."""
    rng = np.random.default_rng(3)
    images, truth = rng.integers(0, 256, (1, 8, 8, 3), np.uint8), rng.integers(0, 3, (9, 14))
    upright = encoded(truth.astype(np.uint8))
    exif, stream = Image.Exif(), io.BytesIO()
    exif[0x0112] = 6
    Image.open(io.BytesIO(upright)).transpose(Image.Transpose.ROTATE_90).save(
        stream, "PNG", exif=exif
    )
    source = in_memory(Examples(images, images[..., 0], None, None, None))
    model = network()
    found, expected = (
        original_size.score_network(model, source, [mask], 1, "test")
        for mask in (stream.getvalue(), upright)
    )
    np.testing.assert_array_equal(found, expected)
