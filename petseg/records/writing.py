"""Writes records: a split as TFRecord shards, with an index next to each shard."""

from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from petseg.core.dataset_spec import VOID, DatasetSpec
from petseg.core.files import atomic_file, file_sha256, write_csv
from petseg.records.schema import Example, serialize

HEADER_BYTES, FOOTER_BYTES = 12, 4
"""Bytes around the data of a TFRecord: its length with a checksum, and the data's checksum.

Source: https://www.tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details".
"""

COPIED_AT_A_TIME = 1 << 20


class SplitWriter:
    """Writes the examples of one split, in order, into shards of `shard_examples` each.

    A context manager. After its exit, `summary` describes the written files. The index of a shard
    is a CSV file with a row for each example: its name, its groups, and the position of its data in
    the shard (`offset` and `length`, in bytes).
    """

    def __init__(self, folder: Path, split: str, shard_examples: int, spec: DatasetSpec):
        self._folder = folder
        self._split = split
        self._shard_examples = shard_examples
        self._spec = spec
        self._shards: list[dict] = []
        self._rows: list[tuple] = []
        self._label_pixels = np.zeros(VOID + 1, np.int64)
        self._open = ExitStack()
        self._writer: Any = None

    def __enter__(self):
        return self

    def __exit__(self, kind, error, traceback):
        self._open.close()
        if error is None and self._rows:
            self._finish_shard()

    def write(self, example: Example) -> None:
        """Appends one example."""
        if len(self._rows) == self._shard_examples:
            self._open.close()
            self._finish_shard()
        if not self._rows:
            shard, _ = shard_files(self._folder, self._split, len(self._shards))
            self._writer = self._open.enter_context(tf.io.TFRecordWriter(str(shard)))
            self._offset = HEADER_BYTES
        data = serialize(example)
        self._writer.write(data)
        self._rows.append((example.name, *example.groups, self._offset, len(data)))
        self._offset += len(data) + FOOTER_BYTES + HEADER_BYTES
        self._label_pixels += np.bincount(example.mask.ravel(), minlength=VOID + 1)

    def summary(self) -> dict:
        """Returns the manifest's entry for this split: counts, pixels, shards with checksums."""
        pixels = self._label_pixels.tolist()
        return {
            "examples": sum(shard["examples"] for shard in self._shards),
            "class_pixels": dict(zip(self._spec.class_names, pixels, strict=False)),
            "void_pixels": pixels[VOID],
            "shards": self._shards,
        }

    def _finish_shard(self) -> None:
        """Writes the index of the closed shard, and adds both to the summary."""
        shard, index = shard_files(self._folder, self._split, len(self._shards))
        columns = ["name", *self._spec.groups, "offset", "length"]
        write_csv(index, pd.DataFrame(self._rows, columns=columns))
        self._shards.append(_shard_entry(shard, index, len(self._rows)))
        self._rows = []


def shard_files(folder: Path, split: str, number: int) -> tuple[Path, Path]:
    """Returns the paths of a shard and of its index."""
    stem = folder / f"{split}-{number:05d}"
    return stem.with_suffix(".tfrecord"), stem.with_suffix(".csv")


class Piece(NamedTuple):
    """Consecutive examples of a shard, from `first` up to but not including `end`."""

    shard: Path
    index: Path  # type: ignore[assignment]  # hides tuple.index
    first: int
    end: int


def join(pieces: Sequence[Piece], folder: Path, split: str, number: int) -> dict:
    """Joins pieces of other shards to the shard `number`, with its index. Returns its entry.

    Writes the same bytes as a SplitWriter with these examples.
    """
    shard, index = shard_files(folder, split, number)
    tables, written = [], 0
    with atomic_file(shard) as temporary, open(temporary, "wb") as target:
        for piece in pieces:
            table = read_index(piece.index).iloc[piece.first : piece.end]
            start = table["offset"].iloc[0] - HEADER_BYTES
            end = table["offset"].iloc[-1] + table["length"].iloc[-1] + FOOTER_BYTES
            with open(piece.shard, "rb") as source:
                _copy(source, target, start, end)
            tables.append(table.assign(offset=table["offset"] + written - start))
            written += end - start
    table = pd.concat(tables)
    write_csv(index, table)
    return _shard_entry(shard, index, len(table))


def read_index(path: Path) -> pd.DataFrame:
    """Reads the index of a shard. Names and groups are text."""
    # A name may be NA, or contain a carriage return, which Python's writer does not quote.
    kinds: defaultdict[Any, Any] = defaultdict(
        lambda: str, {"offset": np.int64, "length": np.int64}
    )
    return pd.read_csv(path, dtype=kinds, keep_default_na=False, lineterminator="\n")


def _copy(source: BinaryIO, target: BinaryIO, start: int, end: int) -> None:
    source.seek(start)
    for position in range(start, end, COPIED_AT_A_TIME):
        target.write(source.read(min(COPIED_AT_A_TIME, end - position)))


def _shard_entry(shard: Path, index: Path, examples: int) -> dict:
    files = (shard, index)
    return {
        "examples": examples,
        "files": {
            path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for path in files
        },
    }
