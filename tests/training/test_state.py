"""A run's best epoch, end, saving and resuming."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from petseg.core import dataset_spec
from petseg.training import state, step
from tests.helpers import networks, training
from tests.helpers.sections import SHIPPED, changed
from tests.helpers.specs import PETS

STRATEGY = tf.distribute.get_strategy()


def params(**changes):
    return changed(SHIPPED.train_shallow, **({"batch_size": 4} | changes))


def created(seed: int = 1, policy: str = "float32", build=networks.tiny) -> state.State:
    return state.create(
        build,
        params(),
        scaled_groups=training.first_layer,
        seed=seed,
        policy=policy,
        strategy=STRATEGY,
    )


def with_scores(*scores: float) -> state.State:
    run = created()
    run.history = [{"val_mean_iou": score} for score in scores]
    return run


def all_values(run: state.State) -> list[np.ndarray]:
    variables = [*run.model.variables, *run.averaged.variables]
    variables += [v for group in run.groups for v in group.optimizer.variables]
    return [np.array(v) for v in variables] + run.best


def update(run: state.State) -> None:
    train_step = step.training_step(run, params(), training.objective(params()), STRATEGY)
    train_step(*training.batch(), tf.constant(0.5))


def test_all_weights_start_equal():
    run = created()
    for one, other in zip(run.model.weights, run.averaged.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, best in zip(run.averaged.variables, run.best, strict=True):
        np.testing.assert_array_equal(one, best)


def test_initial_weights_depend_on_the_seed():
    one, again, other = (created(seed).model.get_weights()[0] for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_the_averaged_model_is_float32_in_any_policy():
    before = keras.config.dtype_policy().name
    run = created(policy="mixed_bfloat16")
    assert keras.config.dtype_policy().name == before
    assert run.model.get_layer("first").compute_dtype == "bfloat16"
    assert {layer.dtype_policy.name for layer in run.averaged.layers} == {"float32"}
    assert {variable.dtype for variable in run.model.trainable_variables} == {"float32"}


def test_a_failed_build_restores_the_policy():
    before = keras.config.dtype_policy().name
    with pytest.raises(ZeroDivisionError):
        created(policy="mixed_bfloat16", build=lambda: 1 / 0)
    assert keras.config.dtype_policy().name == before


def test_the_best_epoch_is_the_first_with_the_highest_score():
    assert with_scores(0.2, 0.5, 0.5, 0.1).best_epoch() == 1


def test_the_weights_of_the_best_epoch_are_stored():
    run = created()
    for score, is_best in ((0.2, True), (0.1, False), (0.2, False), (0.3, True)):
        update(run)
        run.add_epoch({"val_mean_iou": score})
        kept = all(map(np.array_equal, run.best, run.averaged.variables))
        assert kept == is_best
    assert [row["val_mean_iou"] for row in run.history] == [0.2, 0.1, 0.2, 0.3]


@pytest.mark.parametrize(
    ("scores", "patience", "done"),
    [
        ([], 1, False),
        ([0.5, 0.4], 0, False),
        ([0.5, 0.4], 2, False),
        ([0.5, 0.4, 0.3], 2, True),
        ([0.5, 0.5], 1, True),
        ([0.1, 0.2, 0.3, 0.4], 1, False),
        ([0.1, 0.2, 0.3, 0.4, 0.5], 0, True),
    ],
)
def test_a_run_is_done_after_its_epochs_or_its_patience(scores, patience, done):
    settings = params(epochs=5, early_stopping_patience=patience)
    assert with_scores(*scores).is_done(settings) == done


def test_a_checkpoint_restores_the_whole_state(tmp_path):
    run = created()
    update(run)
    run.add_epoch({"epoch": 1, "val_mean_iou": 0.5})
    update(run)
    run.save(tmp_path / "run.npz")
    other = created(seed=2)
    assert other.resume(tmp_path / "run.npz", STRATEGY)
    assert other.history == run.history
    for one, found in zip(all_values(run), all_values(other), strict=True):
        np.testing.assert_array_equal(one, found)
    for one in (run, other):
        update(one)
    for one, found in zip(all_values(run), all_values(other), strict=True):
        np.testing.assert_array_equal(one, found)


def test_a_missing_checkpoint_keeps_the_state(tmp_path):
    run = created()
    before = all_values(run)
    assert not run.resume(tmp_path / "run.npz", STRATEGY)
    assert run.history == []
    for one, other in zip(before, all_values(run), strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_best_weights_are_saved_instead_of_the_last(tmp_path):
    run = created()
    best = run.averaged.get_weights()
    run.add_epoch({"val_mean_iou": 0.5})
    update(run)
    run.save_best_model(tmp_path / "model.keras", PETS)
    assert dataset_spec.of_model(tmp_path / "model.keras") == PETS
    loaded = keras.saving.load_model(tmp_path / "model.keras").get_weights()
    for one, other in zip(best, loaded, strict=True):
        np.testing.assert_array_equal(one, other)
