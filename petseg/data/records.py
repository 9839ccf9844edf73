"""The records on disk: sharded TFRecords of uint8 images and masks, and their manifest.

TFRecord checksums catch damage inside a record, but not a file cut between two records or a
missing shard; the manifest, with each shard's size and SHA-256, does.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from petseg.classes import CLASS_NAMES, NUM_CLASSES
from petseg.errors import PetsegError
from petseg.files import file_sha256, read_json

MANIFEST = "manifest.json"
SPLITS = ("train", "validation", "test")


class Example(NamedTuple):
    """One record: image uint8 (S, S, 3), mask uint8 (S, S) of labels 0 to 2, and what it shows."""

    image: np.ndarray
    mask: np.ndarray
    name: str
    breed: int
    species: int


class Examples(NamedTuple):
    """A split in memory: the fields of Example stacked along a first axis of length N."""

    images: np.ndarray
    masks: np.ndarray
    names: np.ndarray
    breeds: np.ndarray
    species: np.ndarray


class SplitWriter:
    """Writes the examples of one split, in order, into shards of `shard_examples` each.

    A context manager; `summary` after leaving it describes what was written.
    """

    def __init__(self, folder: Path, split: str, shard_examples: int):
        self._folder = folder
        self._split = split
        self._shard_examples = shard_examples
        self._shards: list[tuple[str, int]] = []
        self._class_pixels = np.zeros(NUM_CLASSES, np.int64)
        self._open = ExitStack()
        self._writer = None

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self._open.close()

    def write(self, example: Example) -> None:
        """Appends one example."""
        if not self._shards or self._shards[-1][1] == self._shard_examples:
            self._open.close()
            name = f"{self._split}-{len(self._shards):05d}.tfrecord"
            self._writer = self._open.enter_context(tf.io.TFRecordWriter(str(self._folder / name)))
            self._shards.append((name, 0))
        self._writer.write(serialize(example))
        name, count = self._shards[-1]
        self._shards[-1] = (name, count + 1)
        self._class_pixels += np.bincount(example.mask.ravel(), minlength=NUM_CLASSES)

    def summary(self) -> dict:
        """The manifest's entry for this split: counts, class pixels, shards with checksums."""
        return {
            "examples": sum(count for _, count in self._shards),
            "class_pixels": dict(zip(CLASS_NAMES, self._class_pixels.tolist(), strict=True)),
            "shards": [
                {
                    "file": name,
                    "examples": count,
                    "bytes": (self._folder / name).stat().st_size,
                    "sha256": file_sha256(self._folder / name),
                }
                for name, count in self._shards
            ],
        }


def serialize(example: Example) -> bytes:
    """An example as a serialized tf.train.Example; pictures as their raw bytes, row by row."""
    features = {
        "image": _bytes(example.image.tobytes()),
        "mask": _bytes(example.mask.tobytes()),
        "name": _bytes(example.name.encode()),
        "breed": _integer(example.breed),
        "species": _integer(example.species),
    }
    message = tf.train.Example(features=tf.train.Features(feature=features))
    return message.SerializeToString(deterministic=True)


def parse(serialized: bytes, image_size: int) -> Example:
    """The example in a serialized tf.train.Example that `serialize` made."""
    features = tf.train.Example.FromString(serialized).features.feature
    image, mask, name = (features[key].bytes_list.value[0] for key in ("image", "mask", "name"))
    breed, species = (features[key].int64_list.value[0] for key in ("breed", "species"))
    return Example(
        image=np.frombuffer(image, np.uint8).reshape(image_size, image_size, 3),
        mask=np.frombuffer(mask, np.uint8).reshape(image_size, image_size),
        name=name.decode(),
        breed=breed,
        species=species,
    )


def manifest(folder: Path) -> dict:
    """The manifest of a folder of records; PetsegError where there is none."""
    try:
        content = read_json(folder / MANIFEST)
    except (FileNotFoundError, ValueError):
        content = None
    if not isinstance(content, dict) or not {"image_size", "splits"} <= content.keys():
        raise PetsegError(f"{folder / MANIFEST} is missing or damaged; {_MEND}")
    return content


def verify(folder: Path, splits: tuple[str, ...] = SPLITS) -> dict:
    """The manifest, after each shard of `splits` was found whole; PetsegError names those not."""
    content = manifest(folder)
    mistakes = []
    for split in splits:
        expected = {shard["file"]: shard for shard in content["splits"][split]["shards"]}
        found = {path.name for path in folder.glob(f"{split}-*.tfrecord")}
        mistakes += [f"{name} is missing" for name in sorted(expected.keys() - found)]
        mistakes += [f"{name} is one too many" for name in sorted(found - expected.keys())]
        for name in sorted(expected.keys() & found):
            size = (folder / name).stat().st_size
            if size != expected[name]["bytes"]:
                mistakes.append(f"{name} has {size} bytes, not {expected[name]['bytes']}")
            elif file_sha256(folder / name) != expected[name]["sha256"]:
                mistakes.append(f"{name} has changed since it was written (SHA-256 differs)")
    if mistakes:
        lines = "".join(f"\n  - {mistake}" for mistake in mistakes)
        raise PetsegError(f"the records in {folder} are damaged; {_MEND}:{lines}")
    return content


def read(folder: Path, split: str) -> Iterator[Example]:
    """The examples of a split in the order in which they were written."""
    content = manifest(folder)
    size = content["image_size"]
    files = [str(folder / shard["file"]) for shard in content["splits"][split]["shards"]]
    for serialized in tf.data.TFRecordDataset(files).as_numpy_iterator():
        yield parse(serialized, size)


class Labels(NamedTuple):
    """What the examples of a split are, without their pictures: each field of length N."""

    names: np.ndarray
    breeds: np.ndarray
    species: np.ndarray


def labels(folder: Path, split: str) -> Labels:
    """The labels of a split, in the order in which it was written."""
    rows = [(example.name, example.breed, example.species) for example in read(folder, split)]
    names, breeds, species = zip(*rows, strict=True) if rows else ((), (), ())
    return Labels(np.array(names, object), np.array(breeds, int), np.array(species, int))


def masks(folder: Path, split: str) -> Iterator[np.ndarray]:
    """The masks of a split, uint8 (S, S), in the order in which they were written."""
    return (example.mask for example in read(folder, split))


def load(folder: Path, split: str) -> Examples:
    """A whole split in memory, in the order in which it was written."""
    content = manifest(folder)
    size, count = content["image_size"], content["splits"][split]["examples"]
    loaded = Examples(
        images=np.empty((count, size, size, 3), np.uint8),
        masks=np.empty((count, size, size), np.uint8),
        names=np.empty(count, object),
        breeds=np.empty(count, np.int64),
        species=np.empty(count, np.int64),
    )
    for index, example in enumerate(read(folder, split)):
        for array, value in zip(loaded, example, strict=True):
            array[index] = value
    return loaded


_MEND = "write them anew with: dvc repro -f preprocess"


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _integer(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
