"""Reads a folder source's lists of examples and table of groups."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from petseg.sources.pairing import Mask, Mistakes, Named

UNREADABLE_TEXT = "lists and tables that cannot be read; save them as text in UTF-8"
LEADS_NOWHERE = "list entries that match no file; correct the list, or add the file"
NO_PAIR = "list lines without an image and its mask; give both paths, below source.path"
TWICE_IN_LIST = "duplicate images in a list; keep one line"
NO_GROUP = "groups missing; add them to groups_file"

_SEPARATOR = re.compile(r"\s*[,;\t]\s*|\s+")


def read_pairs(
    path: Path, images: Named, masks: Named, mistakes: Mistakes
) -> dict[str, Mask | None]:
    """Reads a list: image names -> their masks, or None.

    A line has an image, or an image and its mask after spaces, tab, comma or semicolon. Suffixes
    are optional; # starts a comment line.
    """
    pairs: dict[str, Mask | None] = {}
    for where, entry in _entries(path, mistakes):
        image, mask = _name_of(images, entry), None
        if image is None:
            first, *others = _SEPARATOR.split(entry)
            image = _name_of(images, first)
            mask = _name_of(masks, others[0]) if len(others) == 1 else None
            if image is None or mask is None:
                pair = image is not None and len(others) == 1
                mistakes[LEADS_NOWHERE].append(where + (others[0] if pair else entry))
                continue
        elif image in masks.found:
            mask = image
        if image in pairs:
            mistakes[TWICE_IN_LIST].append(where + entry)
        pairs[image] = masks.found[mask] if mask else None
    return pairs


def read_paths(base: Path, list_name: str, mistakes: Mistakes) -> list[tuple[str, Path, Mask]]:
    """Reads a list with an image and its mask on each line: names, image paths and masks.

    Paths are relative to `base` and need not exist. A name is the image's path without suffix.
    """
    path = base / list_name
    rows: dict[str, tuple[str, Path, Mask]] = {}
    for where, entry in _entries(path, mistakes):
        pair = [PurePosixPath(part.replace("\\", "/")) for part in _SEPARATOR.split(entry)]
        if len(pair) != 2 or any(part.is_absolute() or ".." in part.parts for part in pair):
            mistakes[NO_PAIR].append(where + entry)
            continue
        image, mask = pair
        name = image.with_suffix("").as_posix()
        if name in rows:
            mistakes[TWICE_IN_LIST].append(where + entry)
        rows[name] = (name, base / image, Mask(base / mask))
    return list(rows.values())


def read_groups(
    path: Path, groups: Sequence[str], rows: Iterable, mistakes: Mistakes
) -> dict[str, tuple[str, ...]]:
    """Reads examples' groups from a CSV file with images in the first column."""
    text = _text(path, mistakes)
    if text is None:
        return {}
    header, *lines = list(csv.reader(io.StringIO(text))) or [[]]
    if unknown := [group for group in groups if group not in header[1:]]:
        mistakes[NO_GROUP].append(
            f"{path}: no column {', '.join(unknown)}; there are {', '.join(header[1:]) or 'none'}"
        )
        return {}
    columns = [header.index(group, 1) for group in groups]
    known = {
        line[0]: tuple(line[column] for column in columns)
        for line in lines
        if len(line) > max(columns)
    }
    found = {}
    for row in rows:
        suffix = row.image.suffix
        values = known.get(row.name, known.get(row.name + suffix))
        if values is None:
            mistakes[NO_GROUP].append(f"{path}: no line for {row.name}{suffix}")
        else:
            found[row.name] = values
    return found


def _entries(path: Path, mistakes: Mistakes) -> Iterator[tuple[str, str]]:
    """Yields a list's entries, each with its location, without comments."""
    for number, line in enumerate((_text(path, mistakes) or "").splitlines(), start=1):
        if (entry := line.strip()) and not entry.startswith("#"):
            yield f"{path}, line {number}: ", entry


def _name_of(named: Named, entry: str) -> str | None:
    return named.aliases.get(entry.replace("\\", "/").removeprefix("./"))


def _text(path: Path, mistakes: Mistakes) -> str | None:
    try:
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        mistakes[UNREADABLE_TEXT].append(f"{path}: {error.strerror}")
    except UnicodeDecodeError as error:
        mistakes[UNREADABLE_TEXT].append(f"{path}: {error}")
    return None
