"""Saves and loads checkpoints: one file per run, replaced each epoch."""

import glob
import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from petseg.core import fingerprint as fingerprints
from petseg.core.errors import PetsegError
from petseg.core.files import TEMPORARY, atomic_file, is_in_use

CODE = ("acceleration", "core", "metrics", "models", "records", "training")
"""The folders of this package whose code determines the result of a training run."""

KEPT = 3
"""The number of other runs' checkpoints to keep for a network, the most recent ones."""


class Checkpoint(NamedTuple):
    """Groups of arrays, and progress that fits JSON."""

    arrays: dict[str, list[np.ndarray]]
    progress: dict


def fingerprint(causes: Sequence) -> str:
    """Returns a short hash of `causes` (JSON), code and TensorFlow version."""
    return fingerprints.of([causes, tf.__version__], CODE)


def digest(arrays: Iterable[np.ndarray]) -> str:
    """Returns the SHA-256 of values, dtypes and shapes."""
    found = hashlib.sha256()
    for array in arrays:
        found.update(f"{array.dtype} {array.shape}".encode())
        # numpy's stubs declare the buffer protocol only from Python 3.12 on.
        found.update(np.ascontiguousarray(array))  # type: ignore[arg-type]
    return found.hexdigest()


def prune(folder: Path, name: str, keep: Path) -> None:
    """Deletes a network's checkpoints, except `keep` and the KEPT newest.

    Also deletes incomplete ones of killed processes.
    """
    for incomplete in folder.glob(f"{TEMPORARY}{glob.escape(name)}-*"):
        if not is_in_use(incomplete):
            shutil.rmtree(incomplete, ignore_errors=True)
    others = [path for path in folder.glob(f"{glob.escape(name)}-*.npz") if path != keep]
    others.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in others[KEPT:]:
        path.unlink(missing_ok=True)


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Replaces the checkpoint once the new one is complete."""
    flat = {
        f"{group}/{index}": array
        for group, arrays in checkpoint.arrays.items()
        for index, array in enumerate(arrays)
    }
    counts = {group: len(arrays) for group, arrays in checkpoint.arrays.items()}
    header = json.dumps({"counts": counts, "progress": checkpoint.progress})
    needs = sum(array.nbytes for array in flat.values())
    with atomic_file(path, needs) as temporary, open(temporary, "wb") as stream:
        # To mypy, `flat` might contain the key `allow_pickle`.
        np.savez(stream, header=np.array(header), **flat)  # type: ignore[arg-type]


def load(path: Path) -> Checkpoint | None:
    """Loads a checkpoint, None if missing; raises PetsegError if damaged."""
    if not path.exists():
        return None
    try:
        with np.load(path, allow_pickle=False) as stored:
            header = json.loads(str(stored["header"]))
            arrays = {
                group: [stored[f"{group}/{index}"] for index in range(count)]
                for group, count in header["counts"].items()
            }
        return Checkpoint(arrays, header["progress"])
    except Exception as error:  # numpy and zipfile raise many types
        raise PetsegError(
            f"the checkpoint {path} is damaged ({error}); delete it to train from the beginning"
        ) from error


def values(variables: Iterable) -> list[np.ndarray]:
    """Returns the values of Keras variables."""
    return [np.array(variable) for variable in variables]


def assign(variables: Iterable, arrays: Iterable[np.ndarray]) -> None:
    """Sets Keras variables to `arrays`, in order."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
