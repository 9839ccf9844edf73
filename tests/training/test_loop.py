"""The training loop: learns, repeats itself bit for bit, and goes on where it was killed."""

import dataclasses
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from petseg import files, params
from petseg.augment import undistorted
from petseg.data.source import on_disk
from petseg.errors import PetsegError
from petseg.models import mobilenet_unet
from petseg.training import loop
from tests.helpers import networks
from tests.helpers.networks import SIDE

MACHINE = params.Machine(strategy="single", cache="memory")


def settings(**changes) -> params.Training:
    section = params.load().train_shallow
    schedule = {"epochs": 3, "warmup_epochs": 0.0, "undistorted_epochs": 1}
    defaults = {"batch_size": 8, "precision": "float32"} | schedule
    return dataclasses.replace(section, **(defaults | changes))


def run(folder: Path, records_folder: Path, build=None, groups=(), machine=MACHINE, **changes):
    """Trains in `folder`; the saved model's weights and the learning curve."""
    loop.train(
        "tiny",
        build or networks.tiny,
        settings(**changes),
        machine=machine,
        groups=groups,
        seed=1,
        records_folder=records_folder,
        model_path=folder / "model.keras",
        curve_path=folder / "curve.csv",
        checkpoint_folder=folder / "checkpoints",
    )
    model = keras.saving.load_model(folder / "model.keras")
    return model.get_weights(), (folder / "curve.csv").read_bytes()


def assert_same(first, second) -> None:
    for one, other in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert first[1] == second[1]


def test_training_learns_an_easy_task(tmp_path, records_folder):
    build = partial(networks.shallow, width=16)
    run(tmp_path, records_folder, build, epochs=25, averaging=0.9)
    curve = pd.read_csv(tmp_path / "curve.csv")
    assert curve["loss"].iloc[-1] < 0.5 * curve["loss"].iloc[0]
    assert curve["mean_iou"].iloc[-1] > 0.85
    assert curve["val_mean_iou"].max() > 0.8
    assert list(curve["epoch"]) == list(range(1, 26))


@pytest.mark.parametrize(
    "build", [networks.tiny, pytest.param(networks.shallow, marks=pytest.mark.slow)]
)
def test_two_runs_are_bit_identical(tmp_path, records_folder, build):
    one, other = (run(tmp_path / name, records_folder, build) for name in ("one", "other"))
    assert_same(one, other)


def test_where_examples_are_kept_changes_nothing(tmp_path, records_folder, monkeypatch):
    monkeypatch.setenv("PETSEG_CACHE_DIR", str(tmp_path / "cache"))
    runs = [
        run(tmp_path / cache, records_folder, machine=dataclasses.replace(MACHINE, cache=cache))
        for cache in ("memory", "disk", "none")
    ]
    assert_same(runs[0], runs[1])
    assert_same(runs[0], runs[2])


def first_layer(model: keras.Model) -> list:
    return model.get_layer("first").trainable_variables


EVERYTHING = {
    "groups": (loop.Group(first_layer, 0.5, after_epochs=1),),
    "early_stopping_patience": 2,
    "averaging": 0.9,
    "warmup_epochs": 1.5,
}
"""All that has a state of its own from epoch to epoch, beside the network's."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, records_folder):
    """What a run with these settings gives that nobody kills."""
    runs = {}

    def of(**changes):
        name = str(changes)
        if name not in runs:
            runs[name] = run(tmp_path_factory.mktemp("whole"), records_folder, **changes)
        return runs[name]

    return of


@pytest.mark.parametrize(
    ("killed_after", "changes"),
    [(2, {"optimizer": "sgd"}), *[(epoch, EVERYTHING) for epoch in (1, 2, 3)]],
)
def test_a_killed_run_ends_as_if_it_never_was(
    tmp_path, records_folder, uninterrupted, monkeypatch, killed_after, changes
):
    whole = uninterrupted(**changes)
    save = loop._Run.save

    def save_and_die(self, path):
        save(self, path)
        if len(self.history) == killed_after:
            raise InterruptedError

    monkeypatch.setattr(loop._Run, "save", save_and_die)
    with pytest.raises(InterruptedError):
        run(tmp_path / "killed", records_folder, **changes)
    monkeypatch.undo()
    assert_same(whole, run(tmp_path / "killed", records_folder, **changes))
    assert not list((tmp_path / "killed" / "checkpoints").iterdir())


def test_another_run_s_checkpoint_is_not_picked_up(tmp_path, records_folder, monkeypatch, capsys):
    monkeypatch.setattr(loop._Run, "save_best_model", lambda self, path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, records_folder)
    monkeypatch.undo()
    run(tmp_path, records_folder, learning_rate=0.001)
    assert "going on" not in capsys.readouterr().out
    run(tmp_path, records_folder)
    assert "going on after epoch 3" in capsys.readouterr().out


def test_a_run_that_began_with_other_weights_is_not_picked_up(
    tmp_path, records_folder, monkeypatch, capsys
):
    """As where the file of the encoder's weights was replaced by another of the same name."""

    def other_network(batch_norm) -> keras.Model:
        model = networks.tiny(batch_norm)
        model.set_weights([weights + 1 for weights in model.get_weights()])
        return model

    monkeypatch.setattr(loop._Run, "save_best_model", lambda self, path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, records_folder)
    monkeypatch.undo()
    run(tmp_path, records_folder, other_network)
    assert "going on" not in capsys.readouterr().out


@pytest.mark.parametrize("foreseen", [True, False])
def test_a_full_disk_keeps_the_model_and_the_way_on(
    small_disk, records_folder, monkeypatch, capsys, foreseen
):
    if not small_disk.is_mount():
        pytest.skip("no small disk may be mounted here")
    if not foreseen:
        monkeypatch.setattr(files, "require_room", lambda *arguments: None)
    build = partial(networks.shallow, width=40)
    (small_disk / "model.keras").write_bytes(b"old")
    arguments = {"records_folder": records_folder, "curve_path": small_disk.parent / "curve.csv"}
    arguments |= {
        "seed": 1,
        "machine": MACHINE,
        "checkpoint_folder": small_disk.parent / "checkpoints",
    }
    with pytest.raises(PetsegError, match=r"model\.keras could not be written .* MiB are needed"):
        loop.train(
            "tiny",
            build,
            settings(epochs=1),
            model_path=small_disk / "model.keras",
            **arguments,
        )
    assert [path.name for path in small_disk.iterdir()] == ["model.keras"]
    assert (small_disk / "model.keras").read_bytes() == b"old"
    elsewhere = small_disk.parent / "model.keras"
    if foreseen:
        loop.train("tiny", build, settings(epochs=1), model_path=elsewhere, **arguments)
        assert "going on after epoch 1" in capsys.readouterr().out


def test_a_last_update_that_breaks_the_network_is_seen(tmp_path, records_folder):
    """The loss of a step is that of the weights before it."""
    with pytest.raises(PetsegError, match=r"loss is (nan|inf) at epoch 1, validation"):
        one_step = {"batch_size": 24, "epochs": 1, "averaging": 0.0}
        run(tmp_path, records_folder, learning_rate=1e38, optimizer="sgd", **one_step)
    assert not list(tmp_path.rglob("*"))


def test_a_loss_that_is_not_finite_stops_and_keeps_no_model(tmp_path, records_folder):
    with pytest.raises(PetsegError, match=r"loss is (nan|inf) at epoch 1, step \d"):
        run(tmp_path, records_folder, learning_rate=1e30, optimizer="sgd")
    assert not (tmp_path / "model.keras").exists()


def test_early_stopping_waits_and_keeps_the_best_epoch(tmp_path, records_folder, monkeypatch):
    scores, weights, validate = [0.2, 0.4, 0.4, 0.3, 0.9], [], loop._Run.validate

    def scripted(self, source):
        row = validate(self, source)
        weights.append([np.array(variable) for variable in self.averaged.weights])
        return row | {"val_mean_iou": scores[len(weights) - 1]}

    monkeypatch.setattr(loop._Run, "validate", scripted)
    kept, _ = run(tmp_path, records_folder, epochs=50, early_stopping_patience=2)
    assert list(pd.read_csv(tmp_path / "curve.csv")["val_mean_iou"]) == scores[:4]
    for one, best in zip(kept, weights[1], strict=True):
        np.testing.assert_array_equal(one, best)


def test_the_last_epochs_are_undistorted(tmp_path, records_folder, monkeypatch):
    used, batches = [], loop.training_batches

    def watched(*args, augmentation, **options):
        used.append(augmentation)
        return batches(*args, augmentation=augmentation, **options)

    monkeypatch.setattr(loop, "training_batches", watched)
    run(tmp_path, records_folder, epochs=3, undistorted_epochs=2)
    wanted = settings().augmentation
    assert used == [wanted, undistorted(wanted), undistorted(wanted)]


def network_with_an_encoder(batch_norm) -> keras.Model:
    """Its encoder's first layer is frozen, as a U-Net's may be."""
    photographs = keras.Input((SIDE, SIDE, 3))
    frozen = keras.layers.Conv2D(4, 3, padding="same", trainable=False, name="frozen")(photographs)
    features = keras.layers.Conv2D(4, 3, padding="same", name="trained")(frozen)
    encoder = keras.Model(photographs, features, name="encoder")
    x = keras.layers.ReLU()(batch_norm()(encoder(photographs)))
    return keras.Model(photographs, keras.layers.Conv2D(3, 1, dtype="float32")(x))


def test_groups_begin_when_told(records_folder):
    """The encoder stays as it is until its group's first epoch, and its frozen part for good."""
    group = loop.Group(mobilenet_unet.encoder_variables, 0.5, after_epochs=1)
    strategy = tf.distribute.get_strategy()
    build = network_with_an_encoder
    run_ = loop._Run(build, settings(), (group,), 1, 24, "float32", strategy)
    examples = on_disk(records_folder, "train")
    variables = mobilenet_unet.encoder_variables(run_.model)
    assert len(variables) == 2
    before = [np.array(v) for v in variables]
    stem = run_.model.get_layer("encoder").get_layer("frozen")
    frozen = np.array(stem.kernel)
    run_.train_epoch(0, examples, "")
    assert all(np.array_equal(a, b) for a, b in zip(before, variables, strict=True))
    run_.train_epoch(1, examples, "")
    assert not any(np.array_equal(a, b) for a, b in zip(before, variables, strict=True))
    np.testing.assert_array_equal(frozen, stem.kernel)


def test_the_saved_model_needs_no_code_of_ours(tmp_path, records_folder):
    run(tmp_path, records_folder, networks.shallow, epochs=1)
    model = keras.saving.load_model(tmp_path / "model.keras")
    modules = {type(layer).__module__.split(".")[0] for layer in model.layers}
    assert modules == {"keras"}
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
