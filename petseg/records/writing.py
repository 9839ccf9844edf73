"""Writing records: a split as shards of TFRecords, with an index beside each shard."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pandas as pd
import tensorflow as tf

from petseg.core.dataset_spec import VOID, DatasetSpec
from petseg.core.files import file_sha256, write_csv
from petseg.records.schema import Example, serialize

HEADER_BYTES, FOOTER_BYTES = 12, 4
"""Around the data of a TFRecord: its length with a checksum, and a checksum of the data.

Source: https://www.tensorflow.org/tutorials/load_data/tfrecord, "TFRecords format details".
"""


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
        self._writer = None

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
            path = self._folder / f"{self._name()}.tfrecord"
            self._writer = self._open.enter_context(tf.io.TFRecordWriter(str(path)))
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

    def _name(self) -> str:
        return f"{self._split}-{len(self._shards):05d}"

    def _finish_shard(self) -> None:
        """Writes the index of the shard that was closed, and describes both."""
        shard, index = (self._folder / f"{self._name()}.{kind}" for kind in ("tfrecord", "csv"))
        columns = ["name", *self._spec.groups, "offset", "length"]
        write_csv(index, pd.DataFrame(self._rows, columns=columns))
        self._shards.append(
            {
                "examples": len(self._rows),
                "files": {
                    path.name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)}
                    for path in (shard, index)
                },
            }
        )
        self._rows = []
