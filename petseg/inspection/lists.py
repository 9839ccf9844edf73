"""Reads lists of a split's images, with or without masks."""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from petseg.inspection.matching import Folders, Match
from petseg.inspection.tree import Tree, split_path, stem, suffix
from petseg.sources.patterns import IMAGE_SUFFIXES

LIST_SUFFIXES = (".txt", ".lst")

_LONGEST = 10_000_000
"""The largest file to read as a list, in bytes."""


class Listed(NamedTuple):
    """Number of pairs, and whether all lines have image and mask."""

    path: str
    count: int  # type: ignore[assignment]  # hides tuple.count
    in_pairs: bool


def read_list(tree: Tree, path: str, pairs: Sequence[Match]) -> Listed:
    """Counts listed pairs; 0 if fewer than half of the lines name one."""
    known = set()
    for pair in pairs:
        _, name = split_path(pair.image)
        known |= {pair.image, stem(pair.image), name, stem(name)}
    lines = [_parts(line) for line in _lines(tree, path)]
    seconds = [second for first, second in lines if first in known]
    count = len(seconds) if 2 * len(seconds) >= len(lines) else 0
    return Listed(path, count, bool(count) and None not in seconds)


def listed_folders(tree: Tree) -> Iterator[Folders]:
    """Yields the folders that lists pair, independent of file names."""
    files = set(tree.image_paths())
    masks_of: dict[tuple[str, str], dict[str, str]] = {}
    for path in tree.paths(*LIST_SUFFIXES):
        for image, mask in map(_parts, _lines(tree, path)):
            if image in files and mask in files:
                folders = split_path(image)[0], split_path(mask)[0]
                masks_of.setdefault(folders, {})[image] = mask
    for (images, masks), pairs in masks_of.items():
        matches = tuple(Match(image, mask) for image, mask in pairs.items())
        yield Folders("masks", images, masks, "", matches)


def _lines(tree: Tree, path: str) -> list[str]:
    """Returns a list's lines; none if it is not text."""
    file = tree.root / path
    try:
        text = file.read_text(encoding="utf-8-sig") if file.stat().st_size < _LONGEST else ""
    except (OSError, ValueError):
        return []
    lines = map(str.strip, text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _parts(line: str) -> tuple[str, str | None]:
    """Returns image and mask, if any; a name may contain spaces."""
    words = re.split(r"\s*[,;]\s*|\s+", line)
    both = len(words) == 2 and all(suffix(word) in IMAGE_SUFFIXES for word in words)
    first, second = words if both else (line, None)
    return _plain(first), second and _plain(second)


def _plain(path: str) -> str:
    return path.replace("\\", "/").removeprefix("./")
