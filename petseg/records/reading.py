"""Reads records: a whole split, in the order in which it was written."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from petseg.records.manifest import image_size, manifest, spec, split_files
from petseg.records.schema import Example, parse
from petseg.records.writing import read_index


class Examples(NamedTuple):
    """A split in memory: images uint8 (N, H, W, 3) and masks uint8 (N, H, W)."""

    images: np.ndarray
    masks: np.ndarray


def index(folder: Path, split: str) -> pd.DataFrame:
    """Returns a table with a row for each example, without reading pixels.

    Columns: `name`, one for each group of the dataset, `shard`, `offset` and `length`. Bytes
    `offset` to `offset + length` of the file `shard` contain the example.
    """
    texts = ["name", *spec(folder).groups]
    names = [name for name in split_files(manifest(folder), split) if name.endswith(".csv")]
    if not names:
        return pd.DataFrame(columns=[*texts, "shard", "offset", "length"])
    tables = [
        read_index(folder / name).assign(shard=f"{Path(name).stem}.tfrecord") for name in names
    ]
    return pd.concat(tables, ignore_index=True)


def read(folder: Path, split: str) -> Iterator[Example]:
    """Yields the examples of a split in order."""
    size = image_size(folder)
    names = [name for name in split_files(manifest(folder), split) if name.endswith(".tfrecord")]
    dataset = tf.data.TFRecordDataset([str(folder / name) for name in names])
    for serialized in dataset.as_numpy_iterator():
        yield parse(serialized, size)


def masks(folder: Path, split: str) -> Iterator[np.ndarray]:
    """Returns an iterator over the masks of a split in order, uint8 (H, W) each."""
    return (example.mask for example in read(folder, split))


def load(folder: Path, split: str) -> Examples:
    """Loads a whole split into memory, in order."""
    size, count = image_size(folder), manifest(folder)["splits"][split]["examples"]
    loaded = Examples(
        images=np.empty((count, *size, 3), np.uint8),
        masks=np.empty((count, *size), np.uint8),
    )
    for position, example in enumerate(read(folder, split)):
        loaded.images[position], loaded.masks[position] = example.image, example.mask
    return loaded
