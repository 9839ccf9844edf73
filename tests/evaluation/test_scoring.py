"""Scores of images, at the records' size and on published masks."""

import keras
import numpy as np
import pytest
from sklearn.metrics import confusion_matrix, log_loss

from petseg.core.dataset_spec import VOID
from petseg.evaluation import full_size, inference, scoring
from petseg.metrics import calibration, scores
from petseg.records import Examples
from petseg.records.source import in_memory
from tests.helpers import images
from tests.helpers.gradients import whole_numbers
from tests.helpers.marks import without_warnings
from tests.helpers.specs import PETS

SIZE = (4, 6)


def reader() -> keras.Model:
    """Reads the label from the pixel value: 0, 100 or 200."""
    images = keras.Input((*SIZE, 3))
    level = keras.layers.Conv2D(1, 1, use_bias=False, kernel_initializer="ones")(images)
    logits = keras.layers.Conv2D(3, 1, name="logits")(level)
    model = keras.Model(images, logits)
    # -(level - 300 k)^2 without the term that all classes share, scaled down.
    kernel, bias = np.array([0, 600, 1200]) / 3e4, -(np.array([0, 300, 600]) ** 2) / 3e4
    model.get_layer("logits").set_weights([kernel.reshape(1, 1, 1, 3), bias])
    return model


@pytest.fixture
def examples() -> Examples:
    masks = np.random.default_rng(0).integers(0, 3, size=(7, *SIZE), dtype=np.uint8)
    images = np.repeat(100 * masks[..., None], 3, axis=-1)
    return Examples(images, masks)


def score(run, examples: Examples, batch_size: int = 3, original_masks=None):
    """Scores against masks, by default of the records' size."""
    source = in_memory(examples)
    original_masks = original_masks or list(map(encoded, examples.masks))
    return scoring.score_network(run, source, original_masks, PETS, batch_size, "test")


def constant(mask: np.ndarray, masks: np.ndarray, original_masks=None):
    original_masks = original_masks or list(map(encoded, masks))
    return scoring.score_mask(mask, iter(masks), original_masks, PETS, "test")


def test_score_network_counts_every_image(examples):
    run = inference.runner(reader())
    result = score(run, examples)
    matrix, counts = result.in_records
    assert counts.shape == (7, 4, 3)
    for (pet, background, border, region), mask in zip(counts, examples.masks, strict=True):
        pixels = np.bincount(mask.ravel(), minlength=3)
        for found, expected in zip((pet, background, border), pixels, strict=True):
            assert found.tolist() == [expected] * 3
        assert region.tolist() == [pixels[0] + pixels[2]] * 3
    np.testing.assert_array_equal(matrix, np.diag(np.bincount(examples.masks.ravel())))
    np.testing.assert_array_equal(result.original.matrix, matrix)
    np.testing.assert_array_equal(result.original.counts, counts)


def test_cross_entropy_equals_scikit_learn(examples):
    model = reader()
    run = inference.runner(model)
    result = score(run, examples)
    logits = np.array(model(examples.images.astype(np.float32))).astype(np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    expected = log_loss(examples.masks.ravel(), probabilities.reshape(-1, 3), labels=[0, 1, 2])
    assert result.cross_entropy.mean() == pytest.approx(expected, rel=1e-4)


def test_predictions_equal_the_labels(examples):
    logits = inference.runner(reader())(examples.images)
    np.testing.assert_array_equal(logits.argmax(axis=-1), examples.masks)


def test_constant_mask_is_scored_against_every_mask(examples):
    mask = np.full(SIZE, 1, np.uint8)
    result = constant(mask, examples.masks)
    matrix = result.in_records.matrix
    np.testing.assert_array_equal(matrix[:, 1], np.bincount(examples.masks.ravel(), minlength=3))
    assert matrix.sum() == examples.masks.size
    assert (len(result.in_records.counts), result.cross_entropy) == (7, None)


def test_constant_mask_is_scored_at_each_original_size():
    """Each pixel becomes a rectangle in a larger mask."""
    mask = np.random.default_rng(2).integers(0, 3, SIZE, np.uint8)
    truths = [np.ones((2 * SIZE[0], 3 * SIZE[1]), np.uint8), np.zeros(SIZE, np.uint8)]
    result = constant(mask, np.zeros((2, *SIZE), np.uint8), list(map(encoded, truths)))
    pixels = np.bincount(mask.ravel(), minlength=3)
    np.testing.assert_array_equal(result.original.matrix, [pixels, 6 * pixels, [0, 0, 0]])
    np.testing.assert_array_equal(result.in_records.matrix, [2 * pixels, [0, 0, 0], [0, 0, 0]])


@without_warnings
def test_void_is_excluded_from_every_score(examples):
    """One image has some void pixels, one only void."""
    run, whole = inference.runner(reader()), score(inference.runner(reader()), examples)
    masks = examples.masks.copy()
    masks[1, 2:], masks[4] = VOID, VOID
    result = score(
        run, examples._replace(masks=masks), original_masks=list(map(encoded, examples.masks))
    )
    assert result.in_records.matrix.sum() == masks.size - 2 * 6 - 4 * 6
    others = [0, 2, 3, 5, 6]
    found, expected = result.in_records.counts, whole.in_records.counts
    np.testing.assert_array_equal(found[others], expected[others])
    assert not found[4].any()
    np.testing.assert_array_equal(result.cross_entropy[others], whole.cross_entropy[others])
    assert np.isnan(result.cross_entropy[4])
    logits = run(examples.images)[1:2, :2]
    rest = scoring.cross_entropy(logits, masks[1:2, :2])
    assert result.cross_entropy[1] == pytest.approx(rest[0])
    of_constant = constant(masks[0], masks, list(map(encoded, examples.masks)))
    assert of_constant.in_records.matrix.sum() == result.in_records.matrix.sum()


def test_cross_entropy_of_large_logits_is_finite():
    logits = np.float32([[[[1e4, 0, -1e4], [0, 1e4, 0]]]])
    labels = np.array([[[2, 1]]], np.uint8)
    assert scoring.cross_entropy(logits, labels) == [(2e4 + 0) / 2]


def encoded(labels: np.ndarray) -> bytes:
    """Returns a mask of PETS, whose values are 1 to 3, as a PNG file."""
    return images.encoded(labels + 1)


def network() -> keras.Model:
    """A random convolution with integer weights: equal in any batch."""
    images = keras.Input((8, 12, 3))
    model = keras.Model(images, keras.layers.Conv2D(3, 3, padding="same")(images))
    model.set_weights([whole_numbers(3, 3, 3, 3), np.zeros(3)])
    return model


def test_one_pass_scores_each_image_at_both_sizes():
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (5, 8, 12, 3), np.uint8)
    truths = [rng.integers(0, 3, shape, np.uint8) for shape in [(8, 12), (30, 21), (5, 9), (9, 40)]]
    truths.append(np.ones((17, 3), np.uint8))
    model = network()
    masks = rng.integers(0, 3, (5, 8, 12), np.uint8)
    run, sizes = inference.runner(model), []

    def counting(batch):
        sizes.append(len(batch))
        return run(batch)

    examples = Examples(images, masks)
    result = score(counting, examples, 2, list(map(encoded, truths)))
    assert sizes == [2, 2, 1], "each image runs through the network once"
    small = score(run, examples, 5)
    np.testing.assert_array_equal(result.in_records.counts, small.in_records.counts)
    expected = []
    for truth, found in zip(truths, run(images), strict=True):
        predicted = full_size.labels(found, *truth.shape)
        expected.append(confusion_matrix(truth.ravel(), predicted.ravel(), labels=[0, 1, 2]))
    np.testing.assert_array_equal(result.original.matrix, sum(expected))
    counts = scores.counts(np.stack(expected), PETS.label_sets)
    np.testing.assert_array_equal(result.original.counts, counts)


def test_fitted_temperature_reduces_the_calibration_error(examples):
    """Every third mask is wrong: two thirds of the pixels are right."""
    masks = examples.masks.copy()
    masks[::3] = (masks[::3] + 1) % 3
    run = inference.runner(reader())
    source = in_memory(Examples(examples.images, masks))
    temperature = scoring.fitted_temperature(run, source, 2, "test")
    original = list(map(encoded, masks))
    result = scoring.score_network(run, source, original, PETS, 3, "test", temperature)
    assert result.temperature == temperature > 1
    before, after = map(calibration.expected_error, result.reliability)
    assert after < before
    assert result.reliability[0][:, 0].sum() == masks.size
    accuracy = result.reliability[0][:, 2].sum() / masks.size
    assert accuracy == pytest.approx(np.mean(np.arange(7) % 3 > 0))
