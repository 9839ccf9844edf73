"""Stores a dataset as images/, masks/ and a table in data/raw/dataset."""

import csv
import itertools
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from petseg.sources.raw_example import Block, Key, RawExample

TABLE = "examples.csv"

_COLUMNS = ("split", "name", "image", "mask", "digest")


class Stored(NamedTuple):
    """A row of the table, with paths relative to its folder."""

    split: str
    name: str
    image: str
    mask: str
    digest: str
    groups: tuple[str, ...]


def write_table(folder: Path, rows: Iterable[Stored], groups: Sequence[str]) -> None:
    """Writes the table of examples."""
    with open(folder / TABLE, "w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow([*_COLUMNS, *groups])
        writer.writerows([*row[:-1], *row.groups] for row in rows)


def counts(folder: Path) -> dict[str, int]:
    """Returns the number of examples per split."""
    return dict(Counter(row.split for row in _table(folder)))


def blocks(folder: Path, split: str, size: int) -> list[Block]:
    """Returns blocks of `size` examples; `start` is a byte position in the table."""
    found: list[Block] = []
    before = 0
    for row, behind in _rows(folder):
        if row.split == split:
            if not found or found[-1].count == size:
                found.append(Block(split, before, 0))
            found[-1] = found[-1]._replace(count=found[-1].count + 1)
        before = behind
    return found


def examples(folder: Path, block: Block, groups: Sequence[str]) -> Iterator[RawExample]:
    """Yields a block's encoded examples, always in the same order."""
    del groups  # the table has the spec's groups
    rows = (row for row in _table(folder, block.start) if row.split == block.split)
    for row in itertools.islice(rows, block.count):
        image, mask = (folder / path for path in (row.image, row.mask))
        yield RawExample(row.name, row.groups, image.read_bytes(), mask.read_bytes())


def keys(folder: Path, split: str, groups: Sequence[str]) -> list[Key]:
    """Returns the keys to draw splits by."""
    del groups
    return [
        Key(row.name, "".join(row.groups[:1]), row.digest)
        for row in _table(folder)
        if row.split == split
    ]


def masks(folder: Path, split: str, names: Container[str]) -> dict[str, bytes]:
    """Returns a split's encoded masks by name."""
    return {
        row.name: (folder / row.mask).read_bytes()
        for row in _table(folder)
        if row.split == split and row.name in names
    }


def _table(folder: Path, start: int = 0) -> Iterator[Stored]:
    return (row for row, _ in _rows(folder, start))


def _rows(folder: Path, start: int = 0) -> Iterator[tuple[Stored, int]]:
    """Yields rows from byte `start`, each with the position after it."""
    fixed = len(_COLUMNS)
    with open(folder / TABLE, "rb") as stream:
        stream.seek(start)
        rows = csv.reader(line.decode() for line in iter(stream.readline, b""))
        if not start:
            next(rows)  # the header
        for row in rows:
            yield Stored._make([*row[:fixed], tuple(row[fixed:])]), stream.tell()
