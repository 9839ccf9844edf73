"""Writing records: a split as shards of TFRecords, with an index beside each shard."""

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
"""Around the data of a TFRecord: its length with a checksum, and a checksum of the data.

Source: https://www.tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details".
"""


COPIED_AT_A_TIME = 1 << 20


class SplitWriter:
    """Writes the examples of one split, in order, into shards of `shard_examples` each.

    A context manager; `summary` after leaving it describes what was written. The index of a shard
    is a CSV file with a row for each example: its name, its groups, and where its data begin in
    the shard (`offset`) and end (`length`), in bytes.
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
        """The manifest's entry for this split: counts, pixels, shards with checksums."""
        pixels = self._label_pixels.tolist()
        return {
            "examples": sum(shard["examples"] for shard in self._shards),
            "class_pixels": dict(zip(self._spec.class_names, pixels, strict=False)),
            "void_pixels": pixels[VOID],
            "shards": self._shards,
        }

    def _finish_shard(self) -> None:
        """Writes the index of the shard that was closed, and describes both."""
        shard, index = shard_files(self._folder, self._split, len(self._shards))
        columns = ["name", *self._spec.groups, "offset", "length"]
        write_csv(index, pd.DataFrame(self._rows, columns=columns))
        self._shards.append(_shard_entry(shard, index, len(self._rows)))
        self._rows = []


def shard_files(folder: Path, split: str, number: int) -> tuple[Path, Path]:
    """The paths of a shard and of its index."""
    stem = folder / f"{split}-{number:05d}"
    return stem.with_suffix(".tfrecord"), stem.with_suffix(".csv")


class Piece(NamedTuple):
    """Consecutive examples of a shard: those from `first` to before `end`."""

    shard: Path
    index: Path  # type: ignore[assignment]  # hides tuple.index
    first: int
    end: int


def join(pieces: Sequence[Piece], folder: Path, split: str, number: int) -> dict:
    """Writes the shard of a number, with its index, from pieces of others; returns its entry.

    The same bytes as if a SplitWriter had been given the examples.
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
    """The index beside a shard: names and groups are texts."""
    # A name may be NA, or hold a carriage return, which Python's writer does not quote.
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
