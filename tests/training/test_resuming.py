"""A run resumes from its own checkpoint, never another's."""

from functools import partial

import keras
import pytest

from petseg.core import files
from petseg.core.errors import PetsegError
from petseg.training import loop, state
from tests.helpers import networks
from tests.helpers.disks import require_mount
from tests.helpers.training import MACHINE, assert_same, first_layer, run, settings

EVERYTHING = {
    "scaled_groups": first_layer,
    "early_stopping_patience": 2,
    "ema_decay": 0.9,
    "warmup_epochs": 1.5,
}
"""Settings for everything that has state between epochs, besides the network."""


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory, records_folder):
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
def test_a_killed_run_ends_like_an_uninterrupted_one(
    tmp_path, records_folder, uninterrupted, monkeypatch, killed_after, changes
):
    whole = uninterrupted(**changes)
    save = state.State.save

    def save_and_die(self, path):
        save(self, path)
        if len(self.history) == killed_after:
            raise InterruptedError

    monkeypatch.setattr(state.State, "save", save_and_die)
    with pytest.raises(InterruptedError):
        run(tmp_path / "killed", records_folder, **changes)
    monkeypatch.undo()
    assert_same(whole, run(tmp_path / "killed", records_folder, **changes))
    assert not list((tmp_path / "killed" / "checkpoints").iterdir())


def test_a_checkpoint_of_another_run_is_not_used(tmp_path, records_folder, monkeypatch, capsys):
    monkeypatch.setattr(state.State, "save_best_model", lambda self, path, spec: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, records_folder)
    monkeypatch.undo()
    run(tmp_path, records_folder, learning_rate=0.001)
    assert "resuming" not in capsys.readouterr().out
    run(tmp_path, records_folder)
    assert "resuming after epoch 3" in capsys.readouterr().out


def test_a_checkpoint_from_other_initial_weights_is_not_used(
    tmp_path, records_folder, monkeypatch, capsys
):
    """For example, the encoder's weights file was replaced."""

    def other_network() -> keras.Model:
        model = networks.tiny()
        model.set_weights([weights + 1 for weights in model.get_weights()])
        return model

    monkeypatch.setattr(state.State, "save_best_model", lambda self, path, spec: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, records_folder)
    monkeypatch.undo()
    run(tmp_path, records_folder, other_network)
    assert "resuming" not in capsys.readouterr().out


@pytest.mark.parametrize("checked", [True, False])
def test_a_full_disk_keeps_the_old_model_and_the_checkpoint(
    small_disk, records_folder, monkeypatch, capsys, checked
):
    require_mount(small_disk)
    if not checked:
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
    if checked:
        loop.train("tiny", build, settings(epochs=1), model_path=elsewhere, **arguments)
        assert "resuming after epoch 1" in capsys.readouterr().out
