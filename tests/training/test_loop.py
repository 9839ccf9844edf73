"""The loop learns, reproduces exactly, and stops at non-finite values."""

import json
from functools import partial

import keras
import numpy as np
import pandas as pd
import pytest

from petseg.core import dataset_spec
from petseg.core.errors import PetsegError
from petseg.records.augmentation import without_geometry
from petseg.training import batches, loop
from tests.helpers import networks
from tests.helpers.records import STRIPES, write_stripes
from tests.helpers.sections import changed
from tests.helpers.training import MACHINE, assert_same, run, settings, train


def test_training_learns_an_easy_task(tmp_path, records_folder):
    build = partial(networks.shallow, width=16)
    run(tmp_path, records_folder, build, epochs=25, ema_decay=0.9)
    curve = pd.read_csv(tmp_path / "curve.csv")
    assert curve["loss"].iloc[-1] < 0.5 * curve["loss"].iloc[0]
    assert curve["mean_iou"].iloc[-1] > 0.85
    assert curve["val_mean_iou"].max() > 0.8
    assert list(curve["epoch"]) == list(range(1, 26))


def test_five_classes_with_void_in_oblong_images_are_learnt(tmp_path):
    """Void pixels would teach something else; the model's file has the spec."""
    write_stripes(tmp_path / "records")
    build = partial(networks.tiny, 0.0, (32, 64), 5)
    changes = {"batch_size": 4, "epochs": 20, "ema_decay": 0.8, "learning_rate": 0.03}
    changes["loss"] = settings().loss.model_dump() | {"class_weights": "balanced"}
    run(tmp_path, tmp_path / "records", build, **changes)
    curve = pd.read_csv(tmp_path / "curve.csv")
    assert curve["val_loss"].iloc[-1] < 0.6 * curve["val_loss"].iloc[0]
    assert curve["mean_iou"].iloc[-1] > 0.6
    assert curve["val_mean_iou"].max() > 0.5
    assert dataset_spec.of_model(tmp_path / "model.keras") == STRIPES


def test_class_weights_of_unknown_classes_are_ignored(tmp_path, records_folder, capsys):
    """Weights for another dataset may stay in params.yaml."""
    runs = []
    for name, named in (("one", {"border": 2.0, "car": 3.0, "bus": 0.0}), ("two", {"border": 2.0})):
        weights = settings().loss.model_dump() | {"class_weights": named}
        runs.append(run(tmp_path / name, records_folder, loss=weights, epochs=1))
        count = capsys.readouterr().out.count("tiny: class_weights of car, bus: no such class;")
        assert count == (name == "one")
    assert_same(*runs)


@pytest.mark.parametrize(
    "build", [networks.tiny, pytest.param(networks.shallow, marks=pytest.mark.slow)]
)
def test_two_runs_are_bit_identical(tmp_path, records_folder, build):
    one, other = (run(tmp_path / name, records_folder, build) for name in ("one", "other"))
    assert_same(one, other)


def test_the_cache_mode_does_not_change_the_training(tmp_path, records_folder, monkeypatch):
    monkeypatch.setenv("PETSEG_CACHE_DIR", str(tmp_path / "cache"))
    runs = [
        run(tmp_path / cache, records_folder, machine=changed(MACHINE, cache=cache))
        for cache in ("memory", "disk", "none")
    ]
    assert_same(runs[0], runs[1])
    assert_same(runs[0], runs[2])


NOT_FINITE = r"the (loss|gradient of \S+) has (NaN|Inf|Inf and NaN) values"


def test_a_last_update_that_breaks_the_network_is_detected(tmp_path, records_folder):
    """A step's loss precedes its update, so only validation sees the last."""
    with pytest.raises(
        PetsegError, match=r"the loss has (NaN|Inf) values at the validation of epoch 1; no"
    ):
        one_step = {"batch_size": 24, "epochs": 1, "ema_decay": 0.0}
        run(tmp_path, records_folder, learning_rate=1e38, optimizer="sgd", **one_step)
    assert not list(tmp_path.rglob("*"))


def test_a_loss_that_is_not_finite_stops_without_a_model(tmp_path, records_folder):
    with pytest.raises(PetsegError, match=rf"^{NOT_FINITE} at epoch 1, step \d; no model"):
        run(tmp_path, records_folder, learning_rate=1e30, optimizer="sgd")
    assert not (tmp_path / "model.keras").exists()


@pytest.mark.parametrize("factor", [float("nan"), float("inf")])
def test_a_gradient_that_is_not_finite_stops_without_a_model(tmp_path, records_folder, factor):
    """The loss is finite: the forward pass is unchanged."""
    message = (
        r"^the gradient of first/kernel has (NaN|Inf|Inf and NaN) values at epoch 1, step 1; no"
    )
    with pytest.raises(PetsegError, match=message) as caught:
        run(tmp_path, records_folder, partial(networks.breakable, factor))
    assert len(str(caught.value).splitlines()) == 1
    assert not list(tmp_path.rglob("*"))


def test_the_same_network_with_finite_gradients_is_trained(tmp_path, records_folder):
    assert train(tmp_path, records_folder, networks.breakable, epochs=1)
    assert (tmp_path / "model.keras").exists()


def test_early_stopping_waits_and_saves_the_best_epoch(tmp_path, records_folder, monkeypatch):
    scores, weights, validate = [0.2, 0.4, 0.4, 0.3, 0.9], [], loop.validate

    def scripted(validation_step, run, batches):
        row = validate(validation_step, run, batches)
        weights.append([np.array(variable) for variable in run.averaged.weights])
        return row | {"val_mean_iou": scores[len(weights) - 1]}

    monkeypatch.setattr(loop, "validate", scripted)
    kept, _ = run(tmp_path, records_folder, epochs=50, early_stopping_patience=2)
    assert list(pd.read_csv(tmp_path / "curve.csv")["val_mean_iou"]) == scores[:4]
    for one, best in zip(kept, weights[1], strict=True):
        np.testing.assert_array_equal(one, best)


def test_the_last_epochs_are_without_geometry(tmp_path, records_folder, monkeypatch):
    used, made = [], batches.training_batches

    def watched(*args, augmentation, **options):
        used.append(augmentation)
        return made(*args, augmentation=augmentation, **options)

    monkeypatch.setattr(batches, "training_batches", watched)
    run(tmp_path, records_folder, epochs=3, final_epochs_without_geometry=2)
    shipped = settings().augmentation
    assert used == [shipped, without_geometry(shipped), without_geometry(shipped)]


def test_only_the_chief_writes_files_and_a_run_report(tmp_path, records_folder, monkeypatch):
    monkeypatch.setattr(loop.devices, "is_chief", lambda strategy: False)
    assert train(tmp_path, records_folder, epochs=1) is None
    assert not list(tmp_path.rglob("*"))


def test_the_run_report_has_devices_precision_and_epochs(tmp_path, records_folder):
    report = train(tmp_path, records_folder, epochs=2)
    assert report["strategy"].startswith("single") and report["precision"] == "float32"
    assert any("CPU" in device for device in report["devices"])
    assert [epoch["epoch"] for epoch in report["epochs"]] == [1, 2]
    assert all(e["seconds"] > 0 and e["images_per_second"] > 0 for e in report["epochs"])
    json.dumps(report)


def test_the_saved_model_loads_without_petseg(tmp_path, records_folder):
    run(tmp_path, records_folder, networks.shallow, epochs=1)
    model = keras.saving.load_model(tmp_path / "model.keras")
    modules = {type(layer).__module__.split(".")[0] for layer in model.layers}
    assert modules == {"keras"}
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
