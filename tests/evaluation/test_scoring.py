"""Every image is scored once, by each network and at each size that is asked for."""

import io

import keras
import numpy as np
import pytest
from PIL import Image
from sklearn.metrics import confusion_matrix, log_loss

from petseg.evaluation import full_size, inference, scoring
from petseg.records import Examples
from petseg.records.source import in_memory
from tests.helpers.gradients import whole_numbers

SIZE = 4


def reader() -> keras.Model:
    """A model that reads the label off the picture: level 0, 100 or 200."""
    photographs = keras.Input((SIZE, SIZE, 3))
    level = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")(photographs)
    logits = keras.layers.Conv2D(3, 1, name="logits")(level)
    model = keras.Model(photographs, logits)
    # -(level - 300 k)^2 without the part that all classes share, scaled down.
    kernel, bias = np.array([0, 600, 1200]) / 3e4, -(np.array([0, 300, 600]) ** 2) / 3e4
    model.get_layer("logits").set_weights([kernel.reshape(1, 1, 1, 3), bias])
    return model


@pytest.fixture
def examples() -> Examples:
    masks = np.random.default_rng(0).integers(0, 3, size=(7, SIZE, SIZE), dtype=np.uint8)
    images = np.repeat(100 * masks[..., None], 3, axis=-1)
    return Examples(images, masks)


def test_every_image_is_scored(examples):
    run = inference.runner(reader())
    result = scoring.score_network(run, in_memory(examples), batch_size=3, label="test")
    assert result.matrices.shape == (7, 3, 3)
    for matrix, mask in zip(result.matrices, examples.masks, strict=True):
        assert matrix.tolist() == np.diag(np.bincount(mask.ravel(), minlength=3)).tolist()
    assert result.original_matrices is None


def test_cross_entropy_is_scikit_learn_s(examples):
    model = reader()
    run = inference.runner(model)
    result = scoring.score_network(run, in_memory(examples), batch_size=3, label="test")
    logits = np.array(model(examples.images.astype(np.float32))).astype(np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    expected = log_loss(examples.masks.ravel(), probabilities.reshape(-1, 3), labels=[0, 1, 2])
    assert result.cross_entropy.mean() == pytest.approx(expected, rel=1e-4)


def test_predictions_are_the_labels(examples):
    logits = inference.runner(reader())(examples.images)
    np.testing.assert_array_equal(logits.argmax(axis=-1), examples.masks)


def test_one_mask_is_scored_against_all(examples):
    mask = np.full((SIZE, SIZE), 1, np.uint8)
    total = scoring.score_mask(mask, iter(examples.masks)).matrices.sum(axis=0)
    np.testing.assert_array_equal(total[:, 1], np.bincount(examples.masks.ravel(), minlength=3))
    assert total.sum() == examples.masks.size


def test_cross_entropy_of_large_logits_is_finite():
    logits = np.float32([[[[1e4, 0, -1e4], [0, 1e4, 0]]]])
    labels = np.array([[[2, 1]]], np.uint8)
    assert scoring.cross_entropy(logits, labels) == [(2e4 + 0) / 2]


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


def test_each_image_is_scored_at_both_sizes_in_one_pass():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (5, 8, 8, 3), np.uint8)
    truths = [rng.integers(0, 3, shape, np.uint8) for shape in [(8, 8), (30, 21), (5, 9), (9, 40)]]
    truths.append(np.ones((17, 3), np.uint8))
    model = network()
    masks = rng.integers(0, 3, (5, 8, 8), np.uint8)
    run, sizes = inference.runner(model), []

    def counting(batch):
        sizes.append(len(batch))
        return run(batch)

    source = in_memory(Examples(images, masks))
    result = scoring.score_network(counting, source, 2, "test", list(map(encoded, truths)))
    assert sizes == [2, 2, 1], "each image runs through the network once"
    small = scoring.score_network(run, source, 5, "test")
    np.testing.assert_array_equal(result.matrices, small.matrices)
    logits = run(images)
    for matrix, truth, found in zip(result.original_matrices, truths, logits, strict=True):
        predicted = full_size.labels(found, *truth.shape)
        expected = confusion_matrix(truth.ravel(), predicted.ravel(), labels=[0, 1, 2])
        np.testing.assert_array_equal(matrix, expected)
