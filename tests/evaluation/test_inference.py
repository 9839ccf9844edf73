"""Loading models: unsuitable ones are refused, outputs become logits."""

import keras
import numpy as np
import pytest

from petseg.core.errors import PetsegError
from petseg.evaluation import full_size, inference
from petseg.prediction import runtimes
from tests.helpers import networks
from tests.helpers.gradients import whole_numbers
from tests.helpers.specs import CELLS, PETS, STREET

layers, images = keras.layers, keras.Input((8, 8, 3))


def network(*parts, taken=images) -> keras.Model:
    outputs = taken
    for part in parts:
        outputs = part(outputs)
    return keras.Model(taken, outputs)


def two_inputs() -> keras.Model:
    more = keras.Input((8, 8, 3))
    return keras.Model([images, more], layers.Conv2D(3, 1)(layers.Add()([images, more])))


UNSUITABLE = {
    "grey": (
        lambda: network(layers.Conv2D(3, 1), taken=keras.Input((8, 8, 1))),
        "takes (None, 8, 8, 1) and gives (None, 8, 8, 3)",
    ),
    "two inputs": (two_inputs, "takes (None, 8, 8, 3) and (None, 8, 8, 3) and gives"),
    "two outputs": (
        lambda: keras.Model(images, [layers.Conv2D(3, 1)(images)] * 2),
        "gives (None, 8, 8, 3) and (None, 8, 8, 3);",
    ),
    "smaller output": (
        lambda: network(layers.Conv2D(3, 2, strides=2)),
        "takes (None, 8, 8, 3) and gives (None, 4, 4, 3)",
    ),
    "no picture": (
        lambda: network(layers.Flatten(), layers.Dense(3)),
        "takes (None, 8, 8, 3) and gives (None, 3)",
    ),
    "one batch size": (
        lambda: network(layers.Conv2D(3, 1), taken=keras.Input((8, 8, 3), batch_size=2)),
        "takes (2, 8, 8, 3) and gives (2, 8, 8, 3)",
    ),
    "no known input": (
        lambda: keras.Sequential([layers.Conv2D(3, 1)]),
        "takes an unknown shape and gives an unknown shape",
    ),
    "sigmoid": (lambda: network(layers.Conv2D(3, 1, activation="sigmoid")), "ends in sigmoid"),
    "hard sigmoid": (
        lambda: network(layers.Conv2D(3, 1), layers.Activation("hard_sigmoid")),
        "ends in hard_sigmoid",
    ),
    "sigmoid operation": (
        lambda: network(layers.Conv2D(3, 1), keras.ops.sigmoid),
        "ends in sigmoid",
    ),
}


@pytest.mark.parametrize(("build", "words"), UNSUITABLE.values(), ids=UNSUITABLE.keys())
def test_unsuitable_model_is_refused_in_one_line(tmp_path, build, words):
    build().save(tmp_path / "other.keras")
    with pytest.raises(PetsegError) as caught:
        inference.load_network(tmp_path / "other.keras", PETS)
    message = str(caught.value)
    assert message.startswith(f"{tmp_path / 'other.keras'} ") and words in message
    assert "; expected " in message and "\n" not in message


def loaded(path) -> keras.Model:
    """Loads a file without a spec."""
    return inference.load_network(path, PETS).model


@pytest.mark.parametrize("given", [None, PETS], ids=["none", "another"])
def test_spec_in_a_file_overrides_the_given_one(tmp_path, given):
    networks.save(networks.pointwise((8, 12), 20), tmp_path / "street.keras", STREET)
    model, spec = inference.load_network(tmp_path / "street.keras", given)
    assert spec == STREET and model.output_shape == (None, 8, 12, 20)


def test_model_without_a_spec_needs_one(tmp_path):
    networks.pointwise((8, 12), 2).save(tmp_path / "cells.keras")
    assert inference.load_network(tmp_path / "cells.keras", CELLS).spec == CELLS
    with pytest.raises(PetsegError) as caught:
        inference.load_network(tmp_path / "cells.keras")
    assert str(caught.value) == (
        f"{tmp_path / 'cells.keras'} does not say what its classes are; name the dataset that it "
        "was trained on, with --dataset"
    )


def test_spec_that_does_not_fit_the_model_is_refused(tmp_path):
    path = networks.save(networks.pointwise((8, 12), 3), tmp_path / "pets.keras", CELLS)
    with pytest.raises(PetsegError, match=r"gives \(None, 8, 12, 3\); expected .* of 2 classes"):
        inference.load_network(path, PETS)


@pytest.mark.parametrize("size", [(96, 128), (32, 32), (None, None)])
def test_model_of_any_input_size_is_accepted(tmp_path, size):
    networks.pointwise(size, 2).save(tmp_path / "cells.keras")
    model, _ = inference.load_network(tmp_path / "cells.keras", CELLS)
    assert inference.image_size(model) == (None if size == (None, None) else size)
    images = np.zeros((2, 32, 64, 3) if None in size else (2, *size, 3), np.uint8)
    logits = inference.runner(model)(images)
    assert logits.shape == (*images.shape[:3], 2) and logits.dtype == np.float32


def logits_layer(**options) -> keras.layers.Layer:
    """Fixed weights; logits differ by a few units."""
    initializer = keras.initializers.RandomNormal(stddev=0.003, seed=1)
    return layers.Conv2D(3, 3, padding="same", kernel_initializer=initializer, **options)


def with_softmax_inside() -> keras.Model:
    inner = network(logits_layer(activation="softmax"))
    return network(inner)


WITH_SOFTMAX = {
    "activation": lambda: network(logits_layer(activation="softmax")),
    "Activation": lambda: network(logits_layer(), layers.Activation("softmax", dtype="float32")),
    "Softmax": lambda: network(logits_layer(), layers.Softmax()),
    "operation": lambda: network(logits_layer(), keras.ops.softmax),
    "Softmax as activation": lambda: network(logits_layer(activation=layers.Softmax())),
    "Sequential": lambda: keras.Sequential([images, logits_layer(), layers.Softmax()]),
    "a model inside": with_softmax_inside,
    "layers after it": lambda: network(
        logits_layer(),
        layers.Softmax(),
        layers.Reshape((64, 3)),
        layers.Reshape((8, 8, 3)),
        layers.Dropout(0.1),
        layers.Activation("linear", dtype="float32"),
    ),
}


@pytest.mark.parametrize("build", WITH_SOFTMAX.values(), ids=WITH_SOFTMAX.keys())
def test_softmax_is_inverted_so_that_labels_and_edges_are_equal(tmp_path, build):
    rng = np.random.default_rng(0)
    squares = rng.integers(0, 256, (2, 8, 8, 3), np.uint8)
    expected = network(logits_layer())(squares.astype(np.float32)).numpy()
    build().save(tmp_path / "softmax.keras")
    found = inference.runner(loaded(tmp_path / "softmax.keras"))(squares)
    differences, wanted = (x - x[..., :1] for x in (found, expected))
    assert 3 < np.ptp(wanted) < 14
    np.testing.assert_allclose(differences, wanted, atol=0.01)
    for logits, truth in zip(found, expected, strict=True):
        labels = full_size.labels(truth, 30, 20)
        assert np.mean(full_size.labels(logits, 30, 20) == labels) > 0.99
        edges = (full_size.opacity(x, labels, PETS, "pet").astype(int) for x in (logits, truth))
        assert abs(np.subtract(*edges)).max() <= 2


def test_certain_softmax_gives_finite_logits(tmp_path):
    model = network(layers.Conv2D(3, 1, activation="softmax"))
    model.set_weights([np.eye(3).reshape(1, 1, 3, 3) * 1000, np.zeros(3)])
    model.save(tmp_path / "sure.keras")
    squares = np.zeros((1, 8, 8, 3), np.uint8)
    squares[..., 0] = 255
    logits = inference.runner(loaded(tmp_path / "sure.keras"))(squares)
    assert np.isfinite(logits).all() and (logits.argmax(axis=-1) == 0).all()


@pytest.mark.parametrize("activation", [None, "log_softmax"])
@pytest.mark.parametrize("structure", ["tensor", "list", "dictionary"])
def test_logits_are_unchanged(tmp_path, activation, structure):
    outputs = logits_layer(activation=activation)(images)
    structured = {"tensor": outputs, "list": [outputs], "dictionary": {"mask": outputs}}
    keras.Model(images, structured[structure]).save(tmp_path / "logits.keras")
    squares = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    found = inference.runner(loaded(tmp_path / "logits.keras"))(squares)
    expected = keras.Model(images, outputs)(squares.astype(np.float32)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("content", [None, b"", b"not a model"])
def test_file_that_is_no_model_is_named_in_the_error(tmp_path, content):
    path = tmp_path / "broken.keras"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PetsegError, match=r"broken\.keras"):
        inference.load_network(path, PETS)


def test_model_with_another_number_of_classes_is_refused(tmp_path):
    networks.pointwise((4, 4), 5).save(tmp_path / "five.keras")
    expected = (
        r"five\.keras takes \(None, 4, 4, 3\) and gives \(None, 4, 4, 5\); expected .* "
        r"gives logits of 3 classes, \(None, H, W, 3\): pet, background, border"
    )
    with pytest.raises(PetsegError, match=expected):
        inference.load_network(tmp_path / "five.keras", PETS)


@pytest.mark.parametrize("suffix", ["keras", "h5"])
def test_code_in_a_model_file_is_not_run(tmp_path, suffix):
    mark = tmp_path / "mark"
    code = eval(f"lambda x: (open({str(mark)!r}, 'a').close(), x)[1]")
    inputs = keras.Input((4, 4, 3))
    keras.Model(inputs, keras.layers.Lambda(code)(inputs)).save(tmp_path / f"trap.{suffix}")
    mark.unlink(missing_ok=True)
    with pytest.raises(PetsegError, match=r"trap\.\w+ cannot be loaded as a Keras model: .*ambda"):
        inference.load_network(tmp_path / f"trap.{suffix}", PETS)
    assert not mark.exists()
    keras.saving.load_model(tmp_path / f"trap.{suffix}", safe_mode=False)
    assert mark.exists()  # with safe_mode off, the code does run


@pytest.fixture(scope="module")
def lopsided() -> keras.Model:
    """Treats left and right differently; computes exact integers."""
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.ZeroPadding2D(((1, 1), (2, 0)))(inputs)
    network = keras.Model(inputs, keras.layers.Conv2D(3, 3)(x))
    network.set_weights([whole_numbers(3, 3, 3, 3), np.zeros(3)])
    return network


def test_runner_returns_the_model_s_logits(lopsided):
    squares = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 3), np.uint8)
    expected = lopsided(squares.astype(np.float32), training=False).numpy()
    np.testing.assert_array_equal(inference.runner(lopsided)(squares), expected)


def test_with_mirror_averages_the_image_and_its_mirror_image(lopsided):
    squares = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    run = runtimes.with_mirror(inference.runner(lopsided))
    both = run(squares)
    np.testing.assert_array_equal(run(squares[:, :, ::-1]), both[:, :, ::-1])
    plain = inference.runner(lopsided)
    mean = (plain(squares) + plain(squares[:, :, ::-1])[:, :, ::-1]) / 2
    np.testing.assert_array_equal(both, mean)
