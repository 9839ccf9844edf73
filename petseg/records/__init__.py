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
from petseg.records.writing import SplitWriter

__all__ = [
    "MANIFEST",
    "SPLITS",
    "Example",
    "Examples",
    "Source",
    "SplitWriter",
    "image_size",
    "in_memory",
    "index",
    "load",
    "manifest",
    "masks",
    "on_disk",
    "read",
    "spec",
    "split_files",
    "verify",
]
