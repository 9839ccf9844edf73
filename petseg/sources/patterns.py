"""Finding files by a folder or a pattern, and saying what cannot be found or read."""

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
"""What is taken for an image in a folder; a pattern with a suffix of its own takes that one."""


class Found(NamedTuple):
    """The `files` that a pattern finds, in order, and the `root` from which their names start.

    `unreadable` are folders that may not be read.
    """

    root: Path
    files: list[Path]
    unreadable: list[Path]


def find(base: Path, pattern: str, suffixes: frozenset[str] = IMAGE_SUFFIXES) -> Found:
    """The files in a folder and below it, or those that a pattern as of the shell fits.

    The pattern starts from `base`; `**` stands for any number of folders. Hidden files are left
    out. What is no folder has no files.
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
    """An example's name: the path below the root, with / and without the suffix."""
    return path.relative_to(root).with_suffix("").as_posix()


def present(folder: Path, limit: int = 5) -> str:
    """What is in a folder, or in the nearest one above it that exists, for a message."""
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
    """A path as text, also where its bytes are no UTF-8."""
    return os.fsencode(str(path)).decode("utf-8", "backslashreplace")


def _parts(base: Path, pattern: str) -> tuple[Path, tuple[str, ...]]:
    """The folder at the start of a pattern, and what of it follows."""
    if (base / pattern).is_dir():
        return base / pattern, ()  # also where its name holds a bracket
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
