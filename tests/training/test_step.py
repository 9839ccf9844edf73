"""A step updates everything, or nothing if a value is not finite."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from petseg.core.dataset_spec import VOID
from petseg.core.errors import PetsegError
from petseg.training import state, step
from petseg.training.losses import segmentation_loss
from petseg.training.optimizers import set_learning_rate
from tests.helpers import networks, training
from tests.helpers.sections import SHIPPED, changed

STRATEGY = tf.distribute.get_strategy()
DECAY = tf.constant(0.9)


def params(**changes):
    values = {"batch_size": 4, "precision": "float32", "ema_decay": 0.9}
    return changed(SHIPPED.train_shallow, **(values | changes))


OBJECTIVE = training.objective(params())


def third_layer(model: keras.Model) -> list:
    return [(model.get_layer("third").trainable_variables, 0.5)]


def created(build=networks.breakable, **changes) -> state.State:
    settings = params(**changes)
    return state.create(
        build, settings, scaled_groups=third_layer, seed=1, policy="float32", strategy=STRATEGY
    )


def values(run: state.State) -> dict[str, list[np.ndarray]]:
    """Without batch normalization statistics."""
    found = {f"optimizer of {g.variables[0].path}": g.optimizer.variables for g in run.groups}
    found |= {"weights": run.model.trainable_variables, "averages": run.averaged.variables}
    return {name: [np.array(variable) for variable in some] for name, some in found.items()}


def assert_equal(before: dict, after: dict) -> None:
    for name, arrays in before.items():
        for one, other in zip(arrays, after[name], strict=True):
            np.testing.assert_array_equal(one, other, err_msg=name)


def train_step(run: state.State, **changes):
    settings = params(**changes)
    return step.training_step(run, settings, training.objective(settings), STRATEGY)


def test_a_step_updates_weights_optimizers_and_averages_of_all_groups():
    run = created()
    before, weights = values(run), [np.array(w) for w in run.averaged.weights]
    loss, matrix = train_step(run)(*training.batch(), DECAY)
    after = values(run)
    assert np.isfinite(loss) and matrix.numpy().sum() == 4 * networks.SIDE**2
    for name, arrays in before.items():
        assert not all(map(np.array_equal, arrays, after[name])), name
    for old, average, weight in zip(weights, run.averaged.weights, run.model.weights, strict=True):
        np.testing.assert_allclose(average, weight + 0.9 * (old - weight), rtol=1e-6)


def test_the_loss_is_computed_before_the_update():
    run = created()
    images, masks = training.batch()
    logits = run.model(images, training=True)
    expected = tf.reduce_mean(segmentation_loss(masks, logits, OBJECTIVE))
    loss, _ = train_step(run)(images, masks, DECAY)
    assert float(loss) == pytest.approx(float(expected), 1e-5)


def test_frozen_layers_stay_and_groups_have_their_own_rate():
    def build():
        model = networks.breakable()
        model.get_layer("first").trainable = False
        return model

    run = created(build, optimizer="sgd")
    set_learning_rate([run.groups[0]._replace(learning_rate_scale=0.0), run.groups[1]], 0.1)
    names = "first", "second", "third"
    before = {name: np.array(run.model.get_layer(name).weights[0]) for name in names}
    train_step(run)(*training.batch(), DECAY)
    moved = {n: not np.array_equal(before[n], run.model.get_layer(n).weights[0]) for n in names}
    assert moved == {"first": False, "second": False, "third": True}


def test_ema_decay_0_keeps_the_averages():
    run = created(ema_decay=0.0)
    before = values(run)["averages"]
    train_step(run, ema_decay=0.0)(*training.batch(), DECAY)
    assert_equal({"averages": before}, values(run))


@pytest.mark.parametrize("factor", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_is_refused_before_the_update(factor):
    """In the middle of a run, for one layer; others are finite."""
    run = created()
    update = train_step(run)
    update(*training.batch(), DECAY)
    before = values(run)
    run.model.get_layer("breaking").factor.assign(factor)
    with pytest.raises(tf.errors.InvalidArgumentError, match="the gradient of first/"):
        update(*training.batch(), DECAY)
    assert_equal(before, values(run))

    run.model.get_layer("breaking").factor.assign(1.0)
    loss, _ = update(*training.batch(), DECAY)
    assert np.isfinite(loss)
    assert not np.array_equal(before["weights"][0], values(run)["weights"][0])


def test_a_loss_that_is_not_finite_is_refused_before_the_update():
    run = created()
    run.model.get_layer("third").bias.assign([np.nan] * 3)
    before = values(run)
    with pytest.raises(tf.errors.InvalidArgumentError, match="the loss : Tensor had NaN"):
        train_step(run)(*training.batch(), DECAY)
    assert_equal(before, values(run))


def test_a_variable_without_a_gradient_stays():
    """For example, of a layer that does not affect the logits."""

    def build():
        images = keras.Input((networks.SIDE, networks.SIDE, 3))
        unused = keras.layers.Conv2D(3, 1, name="unused")(images)
        stopped = keras.layers.Lambda(tf.stop_gradient, output_shape=lambda shape: shape)(unused)
        used = keras.layers.Conv2D(3, 1, name="used")(images)
        logits = keras.layers.Conv2D(3, 1, name="third")(used)
        return keras.Model(images, keras.layers.Add()([stopped, logits]))

    run = created(build)
    before = [np.array(v) for v in run.model.get_layer("unused").weights]
    with pytest.warns(UserWarning, match="Gradients do not exist for variables .*unused"):
        loss, _ = train_step(run)(*training.batch(), DECAY)
    assert np.isfinite(loss)
    for one, other in zip(before, run.model.get_layer("unused").weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_validation_ignores_images_that_are_not_counted():
    run = created()
    score = step.validation_step(run, OBJECTIVE, STRATEGY)
    images, masks = training.batch()
    images = tf.cast(images, tf.uint8)
    loss, matrix = score(images, masks, tf.constant([True, True, True, False]))
    three, counts = score(images[:3], masks[:3], tf.fill((3,), True))
    assert float(loss) == pytest.approx(float(three), 1e-5)
    np.testing.assert_array_equal(matrix, counts)
    logits = run.averaged(tf.cast(images[:3], tf.float32), training=False)
    expected = tf.reduce_sum(segmentation_loss(masks[:3], logits, OBJECTIVE))
    assert float(three) == pytest.approx(float(expected), 1e-5)


def test_void_pixels_are_ignored_in_a_step():
    """They count neither in the loss nor in the confusion matrix."""
    images, masks = training.batch()
    masks = masks.numpy()
    masks[:, :8] = VOID
    objective = OBJECTIVE._replace(has_void=True)
    steps = step.training_step(created(), params(), objective, STRATEGY)
    loss, matrix = steps(images, tf.constant(masks), DECAY)
    assert matrix.numpy().sum() == 4 * (networks.SIDE - 8) * networks.SIDE
    validation = step.validation_step(created(), objective, STRATEGY)
    _, counts = validation(tf.cast(images, tf.uint8), tf.constant(masks), tf.fill((4,), True))
    assert counts.numpy().sum() == matrix.numpy().sum()
    logits = created().model(images, training=True)[:, 8:]
    seen = segmentation_loss(masks[:, 8:], logits, OBJECTIVE)
    assert float(loss) == pytest.approx(float(tf.reduce_mean(seen)), 1e-5)


MESSAGES = {
    "the loss : Tensor had NaN values": "the loss has NaN values",
    "the gradient of a/b c/kernel : Tensor had Inf and NaN values": (
        "the gradient of a/b c/kernel has Inf and NaN values"
    ),
    "2 root error(s) found.\n"
    "  (0) INVALID_ARGUMENT:  the loss : Tensor had -Inf values\n\t [[{{node x}}]]\n"
    "  (1) INVALID_ARGUMENT:  the loss : Tensor had NaN values": "the loss has -Inf values",
}


@pytest.mark.parametrize(("theirs", "ours"), MESSAGES.items())
def test_values_that_are_not_finite_are_reported_in_one_line(theirs, ours):
    with pytest.raises(PetsegError) as caught, step.report_not_finite("epoch 2, step 3"):
        raise tf.errors.InvalidArgumentError(None, None, theirs)
    assert str(caught.value) == (
        f"{ours} at epoch 2, step 3; no model was saved. "
        "A lower learning_rate or a longer warm-up usually helps"
    )


def test_other_tensorflow_errors_are_not_changed():
    error = tf.errors.InvalidArgumentError(None, None, "shapes do not match")
    with (
        pytest.raises(tf.errors.InvalidArgumentError, match="shapes"),
        step.report_not_finite("epoch 2, step 3"),
    ):
        raise error
