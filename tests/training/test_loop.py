"""The training loop: learns, repeats itself bit for bit, and goes on where it was killed."""

import dataclasses
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import pytest

from petseg import params
from petseg.data import records
from petseg.errors import PetsegError
from petseg.files import write_json
from petseg.models import mobilenet_unet, shallow
from petseg.training import loop

SIZE = 32


@pytest.fixture(scope="module")
def records_folder(tmp_path_factory) -> Path:
    """Bright squares (pet) with a grey rim (border) on dark ground, easy to learn."""
    folder = tmp_path_factory.mktemp("records")
    rng = np.random.default_rng(0)
    splits = {}
    for split, count in (("train", 24), ("validation", 6), ("test", 2)):
        with records.SplitWriter(folder, split, shard_examples=10) as writer:
            for index in range(count):
                mask = np.ones((SIZE, SIZE), np.uint8)
                top, left = rng.integers(2, SIZE // 2, size=2)
                mask[top - 2 : top + 14, left - 2 : left + 14] = 2
                mask[top : top + 12, left : left + 12] = 0
                levels = np.array([220, 40, 130])[mask][..., None]
                image = np.clip(levels + rng.normal(0, 10, (SIZE, SIZE, 3)), 0, 255)
                example = records.Example(image.astype(np.uint8), mask, f"{split}_{index}", 0, 0)
                writer.write(example)
        splits[split] = writer.summary()
    write_json(folder / records.MANIFEST, {"image_size": SIZE, "splits": splits})
    return folder


def settings(**changes) -> params.Training:
    section = params.load().train_shallow
    defaults = {"epochs": 3, "batch_size": 8, "precision": "float32", "warmup_epochs": 0.0}
    return dataclasses.replace(section, **(defaults | changes))


def run(folder: Path, records_folder: Path, build=None, **changes):
    """Trains in `folder`; the saved model's weights and the learning curve."""
    loop.train(
        "tiny",
        build or partial(shallow.build, SIZE, width=4),
        settings(**changes),
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
    run(tmp_path, records_folder, epochs=25, averaging=0.9)
    curve = pd.read_csv(tmp_path / "curve.csv")
    assert curve["loss"].iloc[-1] < 0.5 * curve["loss"].iloc[0]
    assert curve["val_mean_iou"].max() > 0.8
    assert list(curve["epoch"]) == list(range(1, 26))


def test_two_runs_are_bit_identical(tmp_path, records_folder):
    assert_same(run(tmp_path / "one", records_folder), run(tmp_path / "other", records_folder))


def small_network(batch_norm) -> keras.Model:
    """Everything that has a state of its own: normalization, dropout, weights."""
    photographs = keras.Input((SIZE, SIZE, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(photographs)
    x = keras.layers.Conv2D(8, 3, padding="same")(x)
    x = keras.layers.Dropout(0.5)(keras.layers.ReLU()(batch_norm()(x)))
    x = keras.layers.Conv2D(3, 3, padding="same", dtype="float32")(x)
    return keras.Model(photographs, x)


@pytest.mark.parametrize("killed_after", [1, 2, 3])
def test_a_killed_run_ends_as_if_it_never_was(tmp_path, records_folder, monkeypatch, killed_after):
    whole = run(tmp_path / "whole", records_folder, small_network)

    save = loop._Run.save

    def save_and_die(self, path):
        save(self, path)
        if len(self.history) == killed_after:
            raise InterruptedError

    monkeypatch.setattr(loop._Run, "save", save_and_die)
    with pytest.raises(InterruptedError):
        run(tmp_path / "killed", records_folder, small_network)
    monkeypatch.undo()
    assert_same(whole, run(tmp_path / "killed", records_folder, small_network))
    assert not list((tmp_path / "killed" / "checkpoints").iterdir())


def test_another_run_s_checkpoint_is_not_picked_up(tmp_path, records_folder, monkeypatch, capsys):
    monkeypatch.setattr(loop._Run, "save_best_model", lambda self, path: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, records_folder, small_network)
    monkeypatch.undo()
    run(tmp_path, records_folder, small_network, learning_rate=0.001)
    assert "going on" not in capsys.readouterr().out
    run(tmp_path, records_folder, small_network)
    assert "going on after epoch 3" in capsys.readouterr().out


def test_a_loss_that_is_not_finite_stops_and_keeps_no_model(tmp_path, records_folder):
    with pytest.raises(PetsegError, match=r"loss is (nan|inf) at epoch 1, step \d"):
        run(tmp_path, records_folder, small_network, learning_rate=1e30, optimizer="sgd")
    assert not (tmp_path / "model.keras").exists()


def test_early_stopping_waits_and_keeps_the_best_epoch(tmp_path, records_folder):
    run(
        tmp_path,
        records_folder,
        small_network,
        epochs=50,
        early_stopping_patience=2,
        learning_rate=1e-9,
    )
    curve = pd.read_csv(tmp_path / "curve.csv")
    best = curve["val_mean_iou"].idxmax()
    assert len(curve) == best + 1 + 2


def test_groups_begin_when_told(tmp_path, records_folder):
    """The encoder stays as it is until its group's first epoch, and its frozen part for good."""
    build = partial(
        mobilenet_unet.build,
        SIZE,
        encoder_weights=None,
        encoder_alpha=0.35,
        fine_tune_from="block_16",
        decoder_filters=(4, 4, 4, 4),
    )
    group = loop.Group(mobilenet_unet.encoder_variables, 0.5, after_epochs=1)
    run_ = loop._Run(build, settings(), (group,), seed=1, examples=24)
    examples = records.load(records_folder, "train")
    variables = mobilenet_unet.encoder_variables(run_.model)
    before = [np.array(v) for v in variables]
    frozen = np.array(run_.model.get_layer("encoder").get_layer("Conv1").kernel)
    run_.train_epoch(0, examples, "")
    assert all(np.array_equal(a, b) for a, b in zip(before, variables, strict=True))
    run_.train_epoch(1, examples, "")
    assert not any(np.array_equal(a, b) for a, b in zip(before, variables, strict=True))
    np.testing.assert_array_equal(frozen, run_.model.get_layer("encoder").get_layer("Conv1").kernel)


def test_the_saved_model_needs_no_code_of_ours(tmp_path, records_folder):
    run(tmp_path, records_folder)
    model = keras.saving.load_model(tmp_path / "model.keras")
    modules = {type(layer).__module__.split(".")[0] for layer in model.layers}
    assert modules == {"keras"}
    assert {layer.dtype_policy.name for layer in model.layers} == {"float32"}
