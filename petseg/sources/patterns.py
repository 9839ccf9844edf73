"""Finds files by folder or pattern."""

import os
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import NamedTuple

IMAGE_SUFFIXES = frozenset(
    [
        ".avif",
        ".bmp",
        ".gif",
        ".jp2",
        ".jpeg",
        ".jpg",
        ".pbm",
        ".pgm",
        ".png",
        ".ppm",
        ".tga",
        ".tif",
        ".tiff",
        ".webp",
    ]
)
"""Suffixes of images in a folder; a pattern with a suffix overrides them."""


class Found(NamedTuple):
    """Matching `files` in order, the `root` of their names, and folders without read permission."""

    root: Path
    files: list[Path]
    unreadable: list[Path]


def find(base: Path, pattern: str, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> Found:
    """Finds files in a folder and its subfolders, or by a shell-style pattern relative to `base`.

    `**` matches any number of folders. Skips hidden files; a missing folder has none.
    """
    root, wild = _parts(base, pattern)
    unreadable: list[Path] = []
    own_suffix = bool(wild) and PurePosixPath(wild[-1].replace("*", "x")).suffix
    files = [
        path
        for path in _walk(root, unreadable)
        if not wild or _fits(path.relative_to(root).parts, wild)
        if own_suffix or path.suffix.lower() in suffixes
    ]
    return Found(root, files, unreadable)


def name_of(root: Path, path: Path) -> str:
    """Returns the path relative to root, with / and without suffix."""
    return path.relative_to(root).with_suffix("").as_posix()


def present(folder: Path, limit: int = 5) -> str:
    """Describes the content of a folder, or of its nearest existing parent."""
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    try:
        entries = [entry for entry in os.scandir(folder) if not entry.name.startswith(".")]
        names = sorted(entry.name + "/" * entry.is_dir() for entry in entries)
    except OSError as error:
        return f"{printable(folder)} cannot be read: {error.strerror}"
    more = f" and {len(names) - limit} more" * (len(names) > limit)
    return (
        f"{printable(folder)} holds {', '.join(map(printable, names[:limit])) or 'nothing'}{more}"
    )


def printable(path: object) -> str:
    """Returns printable text, even for bytes that are not UTF-8."""
    return os.fsencode(str(path)).decode("utf-8", "backslashreplace")


def _parts(base: Path, pattern: str) -> tuple[Path, tuple[str, ...]]:
    """Splits off a pattern's leading folder."""
    if (base / pattern).is_dir():
        return base / pattern, ()  # its name may contain a bracket
    parts = Path(pattern).parts
    fixed = next((i for i, part in enumerate(parts) if any(c in part for c in "*?[")), len(parts))
    return base.joinpath(*parts[:fixed]), parts[fixed:]


def _walk(root: Path, unreadable: list[Path]) -> Iterator[Path]:
    def note(error: OSError) -> None:
        if isinstance(error, PermissionError):
            unreadable.append(Path(error.filename))

    for folder, subfolders, names in os.walk(root, onerror=note):
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        yield from (Path(folder, name) for name in sorted(names) if not name.startswith("."))


def _fits(parts: tuple[str, ...], pattern: tuple[str, ...]) -> bool:
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_fits(parts[skipped:], pattern[1:]) for skipped in range(len(parts)))
    return bool(parts) and fnmatchcase(parts[0], pattern[0]) and _fits(parts[1:], pattern[1:])
