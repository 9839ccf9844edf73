"""Images that look alike, by the distance of their perceptual hashes."""

import itertools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

DISTANCE = 4
"""Bits of 64 in which the hashes of near-duplicates differ at most."""

LARGEST = 2000
"""Images that share a part of their hashes, at most: of more, as of empty tiles, none is told."""

_PARTS = DISTANCE + 1
"""Into so many parts a hash is cut: of two that differ in fewer bits, one part is the same."""
_BITS = 64


class Pair(NamedTuple):
    """Two images, by their numbers, and in how many bits their hashes differ."""

    first: int
    second: int
    distance: int


def find(hashes: Sequence[int]) -> list[Pair]:
    """All pairs of at most DISTANCE bits, the nearest first.

    Only hashes that share a part are compared, so that it takes no square of their number.
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
