"""Random access to examples, in memory or in the shards, with the same result.

So a whole epoch of any size can be shuffled, and a batch is read from many shards at once.
TensorFlow reads TFRecord files only from start to end, so the index of each shard stores the offset
of each record.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np

from petseg.core.errors import PetsegError
from petseg.records.manifest import image_size
from petseg.records.reading import Examples, index
from petseg.records.schema import parse

READERS = 16
"""Records read in parallel, to hide the latency of a network disk."""


class Source(NamedTuple):
    """A split of `count` examples. `image_size` is their (height, width).

    `fetch` takes indices from 0 to count - 1, int (B,), and returns images uint8 (B, H, W, 3) and
    masks uint8 (B, H, W).
    """

    count: int  # type: ignore[assignment]  # hides tuple.count
    image_size: tuple[int, int]
    fetch: Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def in_memory(examples: Examples) -> Source:
    """Returns a source of examples in memory."""

    def fetch(indices):
        return examples.images[indices], examples.masks[indices]

    count, *size, _ = examples.images.shape
    return Source(count, tuple(size), fetch)


def on_disk(folder: Path, split: str) -> Source:
    """Returns a source that reads on demand. `fetch` raises PetsegError for a truncated file."""
    size = image_size(folder)
    table = index(folder, split)
    shards, offsets, lengths = (table[key].to_numpy() for key in ("shard", "offset", "length"))
    pool = ThreadPoolExecutor(READERS, thread_name_prefix=f"read {split}")

    def read(position):
        path = folder / shards[position]
        with open(path, "rb", buffering=0) as stream:
            stream.seek(offsets[position])
            data = stream.read(lengths[position])
        if len(data) != lengths[position]:
            raise PetsegError(f"{path} was truncated while it was read")
        return parse(data, size)

    def fetch(indices):
        found = list(pool.map(read, indices))
        return np.stack([one.image for one in found]), np.stack([one.mask for one in found])

    return Source(len(table), size, fetch)
