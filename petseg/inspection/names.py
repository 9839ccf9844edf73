"""Reads class names from a file, if there is an obvious one."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from petseg.inspection.tree import Tree, split_path

_FILES = re.compile(
    r"(label_?map|classes|class_?names|class_?dict|labels|codes|label_?colou?rs)\.(txt|csv)", re.I
)
_CVAT = re.compile(r"(?P<name>[^:#]+):(?P<rgb>\d+,\d+,\d+)(:.*)?")
VOID_VALUES = (255, 65_535)
"""Customary void values, beside small class values."""

_VOID_NAMES = frozenset({"void", "ignore", "ignored", "unlabeled", "unlabelled"})


class NamesFile(NamedTuple):
    """Each class's name and, if given, colour as #rrggbb."""

    path: str
    entries: tuple[tuple[str, str | None], ...]


def find_names(tree: Tree) -> NamesFile | None:
    """Returns the valid names file nearest to the root, or None."""
    paths = [path for path in tree.paths(".txt", ".csv") if _FILES.fullmatch(split_path(path)[1])]
    for path in sorted(paths, key=lambda path: (path.count("/"), path)):
        try:
            text = (tree.root / path).read_text(encoding="utf-8-sig")
        except (OSError, ValueError):
            continue
        entries = tuple(_table(text) if path.lower().endswith(".csv") else _lines(text))
        names = [name for name, _ in entries]
        if 2 <= len(set(names)) == len(names) and all(len(name) <= 100 for name in names):
            return NamesFile(path, entries)
    return None


def is_void(name: str) -> bool:
    """Returns whether a class name means void."""
    return name.lower() in _VOID_NAMES


def names_of(file: NamesFile, marks: Iterable, palette: Mapping[int, str]) -> dict:
    """Returns names of values or colours; none if the file has too few.

    Matches by colour if the file and the masks or palette have colours. Else lines name values from
    0 on, or from 1 on if the last value needs it.
    """
    marks = list(marks)
    of_colour = {colour: name for name, colour in file.entries if colour}
    colours = {mark: mark if isinstance(mark, str) else palette.get(mark) for mark in marks}
    if of_colour and any(colour in of_colour for colour in colours.values()):
        return {mark: of_colour[c] for mark, c in colours.items() if c in of_colour}
    names = [name for name, _ in file.entries]
    if len(marks) > 2:
        marks = [mark for mark in marks if mark not in VOID_VALUES]
    if not marks or any(isinstance(mark, str) for mark in marks) or max(marks) > len(names):
        return {}
    if max(marks) == len(names):
        names.insert(0, "background")
    return {value: names[value] for value in marks} if len({*names}) == len(names) else {}


def _lines(text: str) -> Iterable[tuple[str, str | None]]:
    """Parses names, or CVAT's `name:red,green,blue:parts:actions`."""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("#") or not line:
            continue
        found = _CVAT.fullmatch(line)
        yield (found["name"].strip(), _hex(found["rgb"].split(","))) if found else (line, None)


def _table(text: str) -> Iterable[tuple[str, str | None]]:
    """Parses columns `name`, `class` or `label`, and optionally r, g, b."""
    for row in csv.DictReader(io.StringIO(text), skipinitialspace=True):
        row = {str(key).strip().lower(): value for key, value in row.items()}
        name = row.get("name") or row.get("class") or row.get("label")
        if name and isinstance(name, str):
            yield name.strip(), _hex([row.get(part) for part in "rgb"])


def _hex(parts: list) -> str | None:
    try:
        return "#" + bytes(map(int, parts)).hex()
    except (TypeError, ValueError):
        return None
