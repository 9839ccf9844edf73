"""Folds: networks judge only examples that they never saw."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from hashlib import sha256
from pathlib import Path

from petseg import records
from petseg.core.files import atomic_folder, write_json

SPLITS = ("train", "validation")
"""Splits divided into folds; not the test split."""

_SHARD_EXAMPLES = 1024


def assign(names: Sequence[str], folds: int, seed: int) -> dict[str, int]:
    """Returns each name's fold, 0 to `folds` - 1, in equal shares."""
    ordered = sorted(names, key=lambda name: sha256(f"{seed} fold {name}".encode()).digest())
    return {name: position % folds for position, name in enumerate(ordered)}


def names(folder: Path) -> list[str]:
    """Returns all examples' names."""
    return [name for split in SPLITS for name in records.index(folder, split)["name"]]


def write_fold(folder: Path, target: Path, fold_of: Mapping[str, int], fold: int) -> None:
    """Writes records whose validation split is the fold; all others train."""
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
