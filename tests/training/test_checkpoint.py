"""Checkpoints are exact, atomic and pruned."""

import io
import os
import signal

import numpy as np
import pytest

from petseg.core import files
from petseg.core.errors import PetsegError
from petseg.training import checkpoint
from petseg.training.checkpoint import Checkpoint
from tests.helpers.disks import SMALL_DISK


def sample(value: float = 0.1) -> Checkpoint:
    arrays = {"weights": [np.full((2, 3), value, np.float32), np.array(7)], "nothing": []}
    return Checkpoint(arrays, {"history": [{"loss": value}]})


def test_a_saved_checkpoint_is_loaded_unchanged(tmp_path):
    checkpoint.save(tmp_path / "run.npz", sample())
    loaded = checkpoint.load(tmp_path / "run.npz")
    assert loaded.progress == sample().progress
    assert loaded.arrays.keys() == {"weights", "nothing"}
    for one, other in zip(loaded.arrays["weights"], sample().arrays["weights"], strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_a_missing_checkpoint_loads_as_none(tmp_path):
    assert checkpoint.load(tmp_path / "run.npz") is None


def large(value: float) -> Checkpoint:
    """One fits a small disk, but not two."""
    return Checkpoint({"weights": [np.full(SMALL_DISK // 10, value, np.float32)]}, {})


@pytest.mark.parametrize("checked", [True, False])
def test_a_full_disk_keeps_the_previous_checkpoint(small_disk, monkeypatch, checked):
    if not checked:
        monkeypatch.setattr(files, "require_room", lambda *arguments: None)
    path = small_disk / "run.npz"
    checkpoint.save(path, large(0.1))
    (small_disk / "other").write_bytes(bytes(SMALL_DISK // 2))
    two = Checkpoint({"weights": large(0.2).arrays["weights"] * 3}, {})
    with pytest.raises(PetsegError, match=r"run\.npz could not be written .* MiB are needed in "):
        checkpoint.save(path, two)
    assert checkpoint.load(path).arrays["weights"][0][0] == np.float32(0.1)
    assert sorted(found.name for found in small_disk.iterdir()) == ["other", "run.npz"]


def test_a_kill_while_saving_keeps_the_previous_checkpoint(tmp_path):
    path = tmp_path / "tiny-0.npz"
    checkpoint.save(path, sample(0.1))
    savez = np.savez

    def write_half_and_die(stream, **arrays):
        whole = io.BytesIO()
        savez(whole, **arrays)
        stream.write(whole.getvalue()[: len(whole.getvalue()) // 2])
        stream.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    process = os.fork()
    if not process:
        try:
            np.savez = write_half_and_die
            checkpoint.save(path, sample(0.2))
        finally:
            os._exit(1)
    _, status = os.waitpid(process, 0)
    assert os.WTERMSIG(status) == signal.SIGKILL
    (half,) = tmp_path.glob(".tmp-tiny-0.npz-*/tiny-0.npz")
    assert half.stat().st_size > 100
    assert checkpoint.load(path).progress == sample(0.1).progress
    checkpoint.prune(tmp_path, "tiny", keep=path)
    assert list(tmp_path.iterdir()) == [path]


def cut(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flip(data: bytes) -> bytes:
    middle = data.index(np.float32(0.1).tobytes())
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


@pytest.mark.parametrize("damage", [cut, flip, lambda data: b"", lambda data: b"no archive"])
def test_a_damaged_checkpoint_is_refused(tmp_path, damage):
    path = tmp_path / "run.npz"
    checkpoint.save(path, sample())
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(PetsegError, match=r"run\.npz is damaged .* delete it to train from the"):
        checkpoint.load(path)


def test_checkpoints_of_other_runs_are_kept_up_to_a_limit(tmp_path):
    for index in range(6):
        path = tmp_path / f"unet-{index}.npz"
        path.touch()
        os.utime(path, (index, index))
    others = [tmp_path / "shallow-0.npz", tmp_path / "unet.txt"]
    for path in others:
        path.touch()
    (tmp_path / ".tmp-unet-0.npz-abcdefgh").mkdir()
    checkpoint.prune(tmp_path, "unet", keep=tmp_path / "unet-0.npz")
    kept = [tmp_path / f"unet-{index}.npz" for index in (0, 3, 4, 5)]
    assert sorted(tmp_path.iterdir()) == sorted([*kept, *others])


def test_pruning_a_missing_folder_is_allowed(tmp_path):
    checkpoint.prune(tmp_path / "none", "unet", keep=tmp_path / "none" / "unet-0.npz")


def test_a_digest_depends_on_values_dtypes_and_shapes():
    one = np.arange(4, dtype=np.int32)
    arrays = [one, one + 1, one.astype(np.uint32), one.reshape(2, 2), one.reshape(2, 2).T]
    assert len({checkpoint.digest([array]) for array in arrays}) == 5
    assert checkpoint.digest([one, one]) != checkpoint.digest([one])
    assert checkpoint.digest([one]) == checkpoint.digest([one.copy()])
