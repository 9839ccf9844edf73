"""Folds: each example is held out once, so that a network that never saw it can judge it."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

from petseg import records
from petseg.core.files import atomic_folder, write_json

SPLITS = ("train", "validation")
"""Of these the folds are made; the test split stays out of it."""

_SHARD_EXAMPLES = 1024


def assign(names: Sequence[str], folds: int, seed: int) -> dict[str, int]:
    """The fold of each name, 0 to `folds` - 1: by names and seed alone, as many in each."""
    ordered = sorted(names, key=lambda name: sha256(f"{seed} fold {name}".encode()).digest())
    return {name: position % folds for position, name in enumerate(ordered)}


def names(folder: Path) -> list[str]:
    """The names of all examples that folds are made of."""
    return [name for split in SPLITS for name in records.index(folder, split)["name"]]


def write_fold(folder: Path, target: Path, fold_of: Mapping[str, int], fold: int) -> None:
    """Records whose validation split is a fold of those in `folder`, and whose training split is
    all others."""
    content, spec = records.manifest(folder), records.spec(folder)
    with atomic_folder(target) as new:
        with ExitStack() as stack:
            train, validation = (
                stack.enter_context(records.SplitWriter(new, split, _SHARD_EXAMPLES, spec))
                for split in SPLITS
            )
            for example in _examples(folder):
                writer = validation if fold_of[example.name] == fold else train
                writer.write(example)
        splits = {"train": train.summary(), "validation": validation.summary()}
        write_json(new / records.MANIFEST, content | {"splits": splits})


def _examples(folder: Path) -> Iterator[records.Example]:
    for split in SPLITS:
        yield from records.read(folder, split)
