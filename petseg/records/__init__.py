"""TFRecords: schema, manifest, reading, cache, batches and augmentation."""

from petseg.records.manifest import (
    MANIFEST,
    SPLITS,
    image_size,
    manifest,
    spec,
    split_files,
    verify,
)
from petseg.records.reading import Examples, index, load, masks, read
from petseg.records.schema import Example
from petseg.records.source import Source, in_memory, on_disk
from petseg.records.writing import Piece, SplitWriter, join, shard_files

__all__ = [
    "MANIFEST",
    "SPLITS",
    "Example",
    "Examples",
    "Piece",
    "Source",
    "SplitWriter",
    "image_size",
    "in_memory",
    "index",
    "join",
    "load",
    "manifest",
    "masks",
    "on_disk",
    "read",
    "shard_files",
    "spec",
    "split_files",
    "verify",
]
