"""In float16, small gradients are kept, and overflowing ones change no weights."""

import numpy as np
import pytest
import tensorflow as tf

from petseg.training import checkpoint, loss_scale, state, step
from petseg.training.optimizers import set_learning_rate
from tests.helpers import networks, training
from tests.helpers.marks import in_half_precision
from tests.helpers.sections import SHIPPED, changed

pytestmark = in_half_precision

STRATEGY = tf.distribute.get_strategy()
DECAY = tf.constant(0.9)
PARAMS = changed(SHIPPED.train_shallow, batch_size=4, optimizer="sgd", ema_decay=0.9)


def created(policy: str = "mixed_float16", factor: float = 1.0) -> state.State:
    """Multiplies the first layer's gradients by `factor`, in the run's precision."""
    run = state.create(
        lambda: networks.breakable(factor),
        PARAMS,
        scaled_groups=training.no_groups,
        seed=1,
        policy=policy,
        strategy=STRATEGY,
    )
    set_learning_rate(run.groups, 0.1)
    return run


def update(run: state.State, times: int = 1) -> list[float]:
    train_step = step.training_step(run, PARAMS, training.objective(PARAMS), STRATEGY)
    return [float(train_step(*training.batch(), DECAY)[0]) for _ in range(times)]


def values(run: state.State) -> list[np.ndarray]:
    found = [*run.model.trainable_variables, *run.averaged.variables]
    found += [v for group in run.groups for v in group.optimizer.variables]
    return checkpoint.values(found)


def unchanged(before: list[np.ndarray], run: state.State) -> bool:
    pairs = zip(before, values(run), strict=True)
    return all(np.array_equal(*pair, equal_nan=True) for pair in pairs)


def scale(run: state.State) -> tuple[float, int]:
    return float(run.loss_scale.scale), int(run.loss_scale.updates)


def test_only_float16_uses_loss_scaling():
    assert created("float32").loss_scale is created("mixed_bfloat16").loss_scale is None
    assert scale(created()) == (2.0**15, 0)


def test_an_update_equals_that_of_float32_within_rounding():
    one, other = created("float32"), created()
    before = one.model.get_layer("first").kernel.numpy()
    losses = update(one) + update(other)
    assert losses[1] == pytest.approx(losses[0], rel=1e-2)
    moved = [run.model.get_layer("first").kernel.numpy() - before for run in (one, other)]
    np.testing.assert_allclose(moved[1], moved[0], rtol=0.05, atol=0.02 * np.abs(moved[0]).max())
    assert scale(other) == (2.0**15, 1)


def test_training_in_float16_lowers_the_loss():
    losses = update(created(), 20)
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize(("scaled", "learns"), [(True, True), (False, False)])
def test_gradients_too_small_for_float16_are_kept(monkeypatch, scaled, learns):
    if not scaled:
        monkeypatch.setattr(loss_scale, "INITIAL", 1.0)
    run = created(factor=2e-6)
    before = run.model.get_layer("first").kernel.numpy()
    run.groups[0].optimizer.learning_rate.assign(1e5)  # large enough to change float32 weights
    update(run)
    assert (not np.array_equal(before, run.model.get_layer("first").kernel)) == learns


def test_overflowing_gradients_only_halve_the_scale():
    run = created(factor=np.inf)
    before = values(run)
    update(run, 2)
    assert scale(run) == (2.0**13, 0)
    assert unchanged(before, run)
    run.model.get_layer("breaking").factor.assign(1.0)
    update(run)
    assert scale(run) == (2.0**13, 1)
    assert not unchanged(before, run)


def test_infinite_gradients_at_the_least_scale_are_refused():
    run = created(factor=np.nan)
    run.loss_scale.scale.assign(2.0)
    before = values(run)
    update(run)
    assert scale(run) == (1.0, 0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="the gradient of first/"):
        update(run)
    assert unchanged(before, run)


def test_a_loss_that_is_not_finite_is_refused():
    run = created()
    run.loss_scale.scale.assign(1.0)
    run.model.get_layer("third").bias.assign([np.nan] * 3)
    with pytest.raises(tf.errors.InvalidArgumentError, match="the loss : Tensor had NaN"):
        update(run)


def test_the_scale_is_doubled_after_many_updates(monkeypatch):
    monkeypatch.setattr(loss_scale, "UPDATES_TO_DOUBLE", 3)
    run = created()
    update(run, 3)
    assert scale(run) == (2.0**16, 0)


def test_a_run_resumes_with_its_scale(tmp_path):
    run, again = created(), created()
    run.loss_scale.scale.assign(64.0)
    run.loss_scale.updates.assign(7)
    run.save(tmp_path / "run.npz")
    assert again.resume(tmp_path / "run.npz", STRATEGY)
    assert scale(again) == (64.0, 7)
