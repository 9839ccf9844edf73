"""Predictors: every image is scored once, blind ones know the training masks alone."""

import keras
import numpy as np
import pytest
from sklearn.metrics import log_loss

from petseg.data.records import Examples
from petseg.data.source import in_memory
from petseg.errors import PetsegError
from petseg.evaluation import predictors

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
    nothing = np.zeros(7, np.int64)
    return Examples(images, masks, nothing.astype(str), nothing, nothing)


def test_every_image_is_scored(examples):
    result = predictors.score_network(reader(), in_memory(examples), batch_size=3, label="test")
    assert result.matrices.shape == (7, 3, 3)
    for matrix, mask in zip(result.matrices, examples.masks, strict=True):
        assert matrix.tolist() == np.diag(np.bincount(mask.ravel(), minlength=3)).tolist()


def test_cross_entropy_is_scikit_learn_s(examples):
    model = reader()
    result = predictors.score_network(model, in_memory(examples), batch_size=3, label="test")
    logits = np.array(model(examples.images.astype(np.float32))).astype(np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    expected = log_loss(examples.masks.ravel(), probabilities.reshape(-1, 3), labels=[0, 1, 2])
    assert result.cross_entropy.mean() == pytest.approx(expected, rel=1e-4)


def test_predictions_are_the_labels(examples):
    np.testing.assert_array_equal(predictors.predict(reader(), examples.images), examples.masks)


def test_blind_predictions():
    masks = np.array([[[0, 1], [2, 1]], [[0, 1], [2, 0]], [[1, 1], [2, 0]]], np.uint8)
    predictions = predictors.blind_predictions(iter(masks))
    assert predictions["background"].tolist() == [[1, 1], [1, 1]]
    assert predictions["most_frequent"].tolist() == [[0, 1], [2, 0]]


def test_the_better_blind_prediction_is_chosen_on_validation():
    training = np.zeros((2, 2, 2), np.uint8)
    mostly_background = np.array([[[1, 1], [1, 0]]], np.uint8)
    assert predictors.better_blind_prediction(training, training)[0] == "most_frequent"
    name, _ = predictors.better_blind_prediction(iter(training), iter(mostly_background))
    assert name == "background"


def test_one_mask_is_scored_against_all(examples):
    mask = np.full((SIZE, SIZE), 1, np.uint8)
    total = predictors.score_mask(mask, iter(examples.masks)).matrices.sum(axis=0)
    np.testing.assert_array_equal(total[:, 1], np.bincount(examples.masks.ravel(), minlength=3))
    assert total.sum() == examples.masks.size


@pytest.mark.parametrize("content", [None, b"", b"not a model"])
def test_a_file_that_is_no_model_is_named(tmp_path, content):
    path = tmp_path / "broken.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PetsegError, match=r"broken\.keras"):
        predictors.load_network(path)


def test_a_model_of_other_classes_is_refused(tmp_path):
    inputs = keras.Input((4, 4, 3))
    keras.Model(inputs, keras.layers.Conv2D(5, 1)(inputs)).save(tmp_path / "five.keras")
    expected = (
        r"five\.keras takes \(None, 4, 4, 3\) and gives \(None, 4, 4, 5\); expected was .* "
        r"as many pixels of 3 classes, \(None, S, S, 3\): pet, background, border"
    )
    with pytest.raises(PetsegError, match=expected):
        predictors.load_network(tmp_path / "five.keras")


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_code_in_a_model_s_file_is_not_run(tmp_path, suffix):
    mark = tmp_path / "mark"
    code = eval(f"lambda x: (open({str(mark)!r}, 'a').close(), x)[1]")
    inputs = keras.Input((4, 4, 3))
    keras.Model(inputs, keras.layers.Lambda(code)(inputs)).save(tmp_path / f"trap.{suffix}")
    mark.unlink(missing_ok=True)
    with pytest.raises(PetsegError, match=r"trap\.\w+ cannot be loaded as a Keras model: .*ambda"):
        predictors.load_network(tmp_path / f"trap.{suffix}")
    assert not mark.exists()
    keras.saving.load_model(tmp_path / f"trap.{suffix}", safe_mode=False)
    assert mark.exists()  # the trap would have worked
