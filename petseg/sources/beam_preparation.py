"""Writes the same records with Apache Beam: first blocks of examples, then shards.

Only reading a block shows how many of its examples are left out, and so which shard later ones
belong to: shards are joined from finished blocks. After an interruption, these are reused.
"""

import itertools
import math
import os
import pickle
import shutil
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

import numpy as np

from petseg import records
from petseg.core import beam, fingerprint
from petseg.core.files import TEMPORARY, atomic_folder, read_json, require_room, write_json
from petseg.core.paths import BLOCKS
from petseg.sources import preparation
from petseg.sources.prepared import prepare
from petseg.sources.raw import RawDataset, open_raw
from petseg.sources.raw_example import Block

CODE = ("core", "decoding", "records", "sources")
"""The folders of this package whose code determines the content of blocks."""

BLOCK_EXAMPLES, LEAST_BLOCKS = 1000, 64
"""The most examples in a block, and the fewest blocks in a split, so that all workers get some."""

PLAN, DONE, WRITTEN = "plan", "done", "written.pickle"


class Shard(NamedTuple):
    """A shard to join from pieces: (block, first example, end)."""

    split: str
    number: int
    pieces: list[tuple[int, int, int]]


def write(
    raw: Path,
    folder: Path,
    drawn: dict[str, str],
    rules: preparation.Rules,
    shard_examples: int,
    options: Sequence[str],
) -> preparation.Written:
    """Writes shards with workers that all need access to `raw` and `folder`.

    Raises PetsegError if a block or shard fails.
    """
    dataset = open_raw(raw)
    blocks = _plan(raw, dataset, drawn, rules)
    require_room(blocks, preparation.records_bytes(raw, rules.image_size))
    count = len(list((blocks / PLAN).iterdir()))
    beam.for_each(
        partial(write_block, raw=raw.absolute(), blocks=blocks, rules=rules),
        range(count),
        options,
        what="preprocess",
        total=count,
        finished=lambda: len(_finished(blocks)),
    )
    written = [pickle.loads((_done(blocks, n) / WRITTEN).read_bytes()) for n in range(count)]
    shards = [
        shard for split in records.SPLITS for shard in _shards(split, written, shard_examples)
    ]
    beam.for_each(
        partial(write_shard, blocks=blocks, folder=folder.absolute()),
        shards,
        options,
        what="shards",
        total=len(shards),
        finished=lambda: len(list(folder.glob("*.csv"))),
    )
    for left in folder.glob(f"{TEMPORARY}*"):  # from killed workers
        shutil.rmtree(left, ignore_errors=True)
    splits = {
        split: {
            "examples": sum(one.splits[split]["examples"] for one in written),
            "class_pixels": _added(one.splits[split]["class_pixels"] for one in written),
            "void_pixels": sum(one.splits[split]["void_pixels"] for one in written),
            "shards": [
                read_json(_entry(blocks, shard)) for shard in shards if shard.split == split
            ],
        }
        for split in records.SPLITS
    }
    shutil.rmtree(blocks)
    lists = (list(itertools.chain(*(one[at] for one in written))) for at in range(1, 6))
    places = np.sum([one.places for one in written], axis=0)
    mask_pixels = sum(one.mask_pixels for one in written)
    return preparation.Written._make([splits, *lists, places, mask_pixels])


def write_block(number: int, *, raw: Path, blocks: Path, rules: preparation.Rules) -> None:
    """Writes a block to its own folder, unless that exists."""
    if _done(blocks, number).is_dir():
        return
    plan, dataset = read_json(_planned(blocks, number)), open_raw(raw)
    block = Block(**plan["block"])
    examples = (
        (block.split, prepare(example, rules.image_size, dataset.spec))
        for example in dataset.examples(block)
    )
    with atomic_folder(_done(blocks, number)) as folder:
        written = preparation.write_examples(
            dataset, examples, plan["drawn"], rules, folder, shard_examples=block.count
        )
        (folder / WRITTEN).write_bytes(pickle.dumps(written))


def write_shard(shard: Shard, *, blocks: Path, folder: Path) -> None:
    """Joins a shard, and writes its manifest entry to `blocks`."""
    pieces = [
        records.Piece(*records.shard_files(_done(blocks, block), shard.split, 0), first, end)
        for block, first, end in shard.pieces
    ]
    write_json(_entry(blocks, shard), records.join(pieces, folder, shard.split, shard.number))


def _plan(raw: Path, dataset: RawDataset, drawn: dict[str, str], rules) -> Path:
    """Returns the folder of planned blocks, reused if data, code and parameters are the same."""
    name = fingerprint.of([_state(raw), rules, sorted(drawn.items())], CODE)
    target = BLOCKS.absolute() / name
    for other in BLOCKS.glob("*"):
        if other.name != name:
            shutil.rmtree(other, ignore_errors=True)
    if target.is_dir():
        return target
    with atomic_folder(target) as folder:
        number = itertools.count()
        for split, count in dataset.counts.items():
            size = min(BLOCK_EXAMPLES, math.ceil(count / LEAST_BLOCKS))
            keys = iter(dataset.keys(split))
            for block in dataset.blocks(split, size):
                names = [key.name for key in itertools.islice(keys, block.count)]
                elsewhere = {name: drawn[name] for name in names if name in drawn}
                content = {"block": block._asdict(), "drawn": elsewhere if split == "train" else {}}
                write_json(_planned(folder, next(number)), content)
    return target


def _state(folder: Path) -> str:
    """Returns a SHA-256 of file names, sizes and times; reading millions of files is slow."""
    digest = sha256()
    for inside, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(inside, name)  # noqa: PTH118 (faster than Path)
            state = os.stat(path)  # noqa: PTH116
            line = f"{os.path.relpath(path, folder)}\0{state.st_size}\0{state.st_mtime_ns}\n"
            digest.update(os.fsencode(line))
    return digest.hexdigest()


def _shards(
    split: str, written: Sequence[preparation.Written], shard_examples: int
) -> Iterator[Shard]:
    held, number, pieces = 0, 0, []
    for block, one in enumerate(written):
        first, count = 0, one.splits[split]["examples"]
        while first < count:
            end = min(count, first + shard_examples - held)
            pieces.append((block, first, end))
            held += end - first
            first = end
            if held == shard_examples:
                yield Shard(split, number, pieces)
                held, number, pieces = 0, number + 1, []
    if pieces:
        yield Shard(split, number, pieces)


def _added(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        total = {name: total.get(name, 0) + count for name, count in one.items()}
    return total


def _finished(blocks: Path) -> list[Path]:
    folder = blocks / DONE
    return [path for path in folder.glob("*") if not path.name.startswith(TEMPORARY)]


def _planned(blocks: Path, number: int) -> Path:
    return blocks / PLAN / f"{number:07d}.json"


def _done(blocks: Path, number: int) -> Path:
    return blocks / DONE / f"{number:07d}"


def _entry(blocks: Path, shard: Shard) -> Path:
    return blocks / "shards" / f"{shard.split}-{shard.number:05d}.json"
