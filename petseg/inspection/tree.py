"""Lists the files and images of a folder and its subfolders."""

import os
from pathlib import Path
from typing import NamedTuple

from petseg.core.errors import PetsegError
from petseg.sources.patterns import IMAGE_SUFFIXES


class Tree(NamedTuple):
    """File names by folder, relative to `root` ("" for `root`)."""

    root: Path
    files: dict[str, list[str]]

    def images(self, folder: str) -> list[str]:
        """Returns the image names in a folder, including masks."""
        return [name for name in self.files[folder] if suffix(name) in IMAGE_SUFFIXES]

    def image_folders(self) -> list[str]:
        """Returns the folders with images."""
        return [folder for folder in self.files if self.images(folder)]

    def image_paths(self) -> list[str]:
        """Returns all images, relative to `root`."""
        return self.paths(*IMAGE_SUFFIXES)

    def paths(self, *suffixes: str) -> list[str]:
        """Returns files with these suffixes, relative to `root`."""
        return [
            join(folder, name)
            for folder, names in self.files.items()
            for name in names
            if suffix(name) in suffixes
        ]


def walk(root: Path) -> Tree:
    """Lists all but hidden files below a folder; follows symbolic links.

    Raises PetsegError if a folder is missing or unreadable.
    """

    def refuse(error: OSError) -> None:
        raise PetsegError(f"{error.filename} cannot be read: {error.strerror}") from None

    files, seen = {}, set()
    for folder, below, names in os.walk(root, onerror=refuse, followlinks=True):
        seen.add(os.path.realpath(folder))
        below[:] = sorted(
            name
            for name in below
            if not _hidden(name) and os.path.realpath(Path(folder, name)) not in seen
        )
        relative = Path(folder).relative_to(root).as_posix()
        files["" if relative == "." else relative] = sorted(
            name for name in names if not _hidden(name)
        )
    return Tree(root, files)


def join(folder: str, name: str) -> str:
    """Returns a file's path in a Tree."""
    return f"{folder}/{name}" if folder else name


def split_path(path: str) -> tuple[str, str]:
    """Returns folder and name, the inverse of `join`."""
    folder, _, name = path.rpartition("/")
    return folder, name


def stem(name: str) -> str:
    """Returns a name without its last suffix."""
    return os.path.splitext(name)[0]  # noqa: PTH122 (fast enough for half a million names)


def suffix(name: str) -> str:
    """Returns the last suffix in lower case."""
    return os.path.splitext(name)[1].lower()  # noqa: PTH122


def one_line(text: str) -> str:
    """Escapes unprintable characters, so that any file name fits one line."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode()
        for letter in os.fsencode(text).decode("utf-8", "backslashreplace")
    )


def _hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"
