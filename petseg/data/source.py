"""Examples by their number, in any order: from memory or from the shards, with the same result.

A record in a shard is found by its place, so that an epoch can be shuffled as a whole whatever its
size, and a batch is read from many shards at once. What stays in memory is two numbers an example.
"""

import os
import struct
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from petseg.data import records
from petseg.data.records import Examples
from petseg.errors import PetsegError

READERS = 16
"""Records read at a time: on a disk across a network each of them waits."""

_HEADER = struct.Struct("<QI")  # length of the data, and a checksum of the length
_FOOTER = 4  # a checksum of the data


class Source(NamedTuple):
    """A split of `count` examples of `image_size` pixels a side.

    `fetch` takes numbers from 0 to count - 1, int (B,), and gives their images uint8 (B, S, S, 3)
    and masks uint8 (B, S, S).
    """

    count: int
    image_size: int
    fetch: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def in_memory(examples: Examples) -> Source:
    """Examples that are already there."""

    def fetch(numbers):
        return examples.images[numbers], examples.masks[numbers]

    return Source(*examples.images.shape[:2], fetch)


def on_disk(folder: Path, split: str) -> Source:
    """The examples of a split, read when they are asked for.

    PetsegError where a shard cannot hold what the manifest says of it.
    """
    content = records.manifest(folder)
    entry, size = content["splits"][split], content["image_size"]
    paths = [folder / shard["file"] for shard in entry["shards"]]
    places = [
        _places(path, shard["examples"]) for path, shard in zip(paths, entry["shards"], strict=True)
    ]
    starts, lengths = np.concatenate([np.empty((2, 0), np.int64), *places], axis=1)
    shards = np.repeat(np.arange(len(paths)), [len(place[0]) for place in places])
    pool = ThreadPoolExecutor(READERS, thread_name_prefix=f"read {split}")

    def read(number):
        path, length = paths[shards[number]], int(lengths[number])
        with open(path, "rb", buffering=0) as stream:
            data = os.pread(stream.fileno(), length, int(starts[number]))
        if len(data) != length:
            raise PetsegError(f"{path} was cut while it was read")
        return records.parse(data, size)

    def fetch(numbers):
        found = list(pool.map(read, numbers))
        return np.stack([one.image for one in found]), np.stack([one.mask for one in found])

    return Source(entry["examples"], size, fetch)


def _places(path: Path, count: int) -> np.ndarray:
    """Where the data of each record begins, and its length in bytes: int64 (2, count)."""
    places = np.empty((2, count), np.int64)
    with open(path, "rb", buffering=0) as stream:
        start = 0
        for number in range(count):
            header = os.pread(stream.fileno(), _HEADER.size, start)
            if len(header) < _HEADER.size:
                raise PetsegError(f"{path} holds {number} examples, not {count}")
            length, _ = _HEADER.unpack(header)
            places[:, number] = start + _HEADER.size, length
            start += _HEADER.size + length + _FOOTER
    return places
