"""Finds similar images by their perceptual hashes."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

DISTANCE = 4
"""The hashes of near-duplicates differ in at most this many of 64 bits."""

LARGEST = 2000
"""Larger groups of images with a common hash part, such as empty tiles, are ignored."""

_PARTS = DISTANCE + 1
"""Parts of a hash: if two hashes differ in fewer bits, at least one part is equal."""
_BITS = 64


class Pair(NamedTuple):
    """Indices of two images, and their hashes' distance in bits."""

    first: int
    second: int
    distance: int


def find(hashes: Sequence[int]) -> list[Pair]:
    """Returns pairs within DISTANCE bits, nearest first.

    Compares only hashes with an equal part, to avoid quadratic time.
    """
    values = np.array(hashes, np.uint64)
    found: dict[tuple[int, int], int] = {}
    for members in _alike_in_a_part(values):
        distances = np.bitwise_count(values[members][:, None] ^ values[members][None])
        for a, b in np.argwhere(np.triu(distances <= DISTANCE, k=1)):
            found[members[a], members[b]] = int(distances[a, b])
    return sorted((Pair(*pair, distance) for pair, distance in found.items()), key=_nearest)


def _alike_in_a_part(values: np.ndarray) -> Iterator[list[int]]:
    edges = np.linspace(0, _BITS, _PARTS + 1).astype(int)
    for low, high in itertools.pairwise(edges):
        part = (values >> np.uint64(low)) & np.uint64((1 << int(high - low)) - 1)
        groups = defaultdict(list)
        for number, value in enumerate(part.tolist()):
            groups[value].append(number)
        yield from (members for members in groups.values() if 1 < len(members) <= LARGEST)


def _nearest(pair: Pair) -> tuple[int, int, int]:
    return pair.distance, pair.first, pair.second
