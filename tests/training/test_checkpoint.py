"""Checkpoints come back bit for bit, are written whole, and belong to one cause."""

import numpy as np
import pytest

from petseg.training import checkpoint
from petseg.training.checkpoint import Checkpoint


def sample(value: float = 0.1) -> Checkpoint:
    arrays = {"weights": [np.full((2, 3), value, np.float32), np.array(7)], "nothing": []}
    return Checkpoint(arrays, {"history": [{"loss": value}]})


def test_what_was_saved_comes_back(tmp_path):
    checkpoint.save(tmp_path / "run.npz", sample())
    loaded = checkpoint.load(tmp_path / "run.npz")
    assert loaded.progress == sample().progress
    assert loaded.arrays.keys() == {"weights", "nothing"}
    for one, other in zip(loaded.arrays["weights"], sample().arrays["weights"], strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.dtype == other.dtype


def test_none_where_there_is_none(tmp_path):
    assert checkpoint.load(tmp_path / "run.npz") is None


def test_a_failed_write_leaves_the_one_before(tmp_path, monkeypatch):
    path = tmp_path / "run.npz"
    checkpoint.save(path, sample(0.1))

    def half_a_write(stream, **arrays):
        stream.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", half_a_write)
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(path, sample(0.2))
    assert checkpoint.load(path).progress == sample(0.1).progress
    assert list(tmp_path.iterdir()) == [path]


def test_a_fingerprint_follows_its_causes(monkeypatch):
    one = checkpoint.fingerprint("unet", {"epochs": 2})
    assert one == checkpoint.fingerprint("unet", {"epochs": 2})
    assert one != checkpoint.fingerprint("unet", {"epochs": 3})
    monkeypatch.setattr(checkpoint, "file_sha256", lambda path: "other code")
    assert one != checkpoint.fingerprint("unet", {"epochs": 2})
