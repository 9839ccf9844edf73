"""Checkpoints: one file an epoch, written whole, which belongs to one run and no other."""

import hashlib
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

import petseg
from petseg.files import atomic_file, file_sha256


class Checkpoint(NamedTuple):
    """Everything a run needs to go on: groups of arrays, and progress that JSON can hold."""

    arrays: dict[str, list[np.ndarray]]
    progress: dict


def fingerprint(*causes: object) -> str:
    """A short name for what determines a run: `causes`, the code that is loaded, and TensorFlow.

    `causes` are what JSON can hold. The code is every module of this package imported so far.
    """
    home = Path(petseg.__file__).parent
    code = {
        name: file_sha256(module.__file__)
        for name, module in sys.modules.items()
        if name.split(".")[0] == home.name and getattr(module, "__file__", None)
    }
    text = json.dumps([causes, code, tf.__version__], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def save(path: Path, checkpoint: Checkpoint) -> None:
    """Writes a checkpoint; the one before stays until the new one is whole."""
    flat = {
        f"{group}/{index}": array
        for group, arrays in checkpoint.arrays.items()
        for index, array in enumerate(arrays)
    }
    counts = {group: len(arrays) for group, arrays in checkpoint.arrays.items()}
    header = json.dumps({"counts": counts, "progress": checkpoint.progress})
    with atomic_file(path) as temporary, open(temporary, "wb") as stream:
        np.savez(stream, header=np.array(header), **flat)


def load(path: Path) -> Checkpoint | None:
    """The checkpoint at `path`, or None where there is none."""
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as stored:
        header = json.loads(str(stored["header"]))
        arrays = {
            group: [stored[f"{group}/{index}"] for index in range(count)]
            for group, count in header["counts"].items()
        }
    return Checkpoint(arrays, header["progress"])


def values(variables: Iterable) -> list[np.ndarray]:
    """The current values of Keras variables."""
    return [np.array(variable) for variable in variables]


def assign(variables: Iterable, arrays: Iterable[np.ndarray]) -> None:
    """Sets Keras variables to `arrays`, in the same order."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
