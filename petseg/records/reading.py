"""Reading records: a split from start to end, in the order in which it was written."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import tensorflow as tf

from petseg.records.manifest import manifest, split_files
from petseg.records.schema import Example, parse


class Examples(NamedTuple):
    """A split in memory: images uint8 (N, S, S, 3) and masks uint8 (N, S, S)."""

    images: np.ndarray
    masks: np.ndarray


def index(folder: Path, split: str) -> pd.DataFrame:
    """A row for each example, read without its pixels: name, breed, species, shard, offset, length.

    `shard` is the name of the file whose bytes `offset` to `offset + length` hold the example.
    """
    names = [name for name in split_files(manifest(folder), split) if name.endswith(".csv")]
    if not names:
        return pd.DataFrame(columns=["name", "breed", "species", "shard", "offset", "length"])
    # A name may be NA, or hold a carriage return, which Python's writer does not quote.
    options = {"dtype": {"name": str}, "keep_default_na": False, "lineterminator": "\n"}
    tables = [
        pd.read_csv(folder / name, **options).assign(shard=f"{Path(name).stem}.tfrecord")
        for name in names
    ]
    return pd.concat(tables, ignore_index=True)


def read(folder: Path, split: str) -> Iterator[Example]:
    """The examples of a split in order."""
    content = manifest(folder)
    size = content["image_size"]
    names = [name for name in split_files(content, split) if name.endswith(".tfrecord")]
    dataset = tf.data.TFRecordDataset([str(folder / name) for name in names])
    for serialized in dataset.as_numpy_iterator():
        yield parse(serialized, size)


def masks(folder: Path, split: str) -> Iterator[np.ndarray]:
    """The masks of a split in order, uint8 (S, S) each."""
    return (example.mask for example in read(folder, split))


def load(folder: Path, split: str) -> Examples:
    """A whole split in memory, in order."""
    content = manifest(folder)
    size, count = content["image_size"], content["splits"][split]["examples"]
    loaded = Examples(
        images=np.empty((count, size, size, 3), np.uint8),
        masks=np.empty((count, size, size), np.uint8),
    )
    for position, example in enumerate(read(folder, split)):
        loaded.images[position], loaded.masks[position] = example.image, example.mask
    return loaded
