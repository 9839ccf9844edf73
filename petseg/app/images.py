"""Finds a user's images, and names their results."""

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath
from typing import TypeVar

from PIL import Image

from petseg.app import commands
from petseg.core.errors import PetsegError
from petseg.prediction.images import HEIC_SUFFIXES

NO_IMAGES = ("BUFR", "EPS", "GRIB", "HDF5", "MPEG", "PALM", "PDF", "WMF")
"""Documents, films, drawings and tables: Pillow registers their suffixes, too."""
FOUND_BY_CONTENT = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP")
"""Formats found under any suffix. Not TIFF: raw camera files would match by their previews."""


def find(sources: Iterable[Path], out: Path) -> dict[Path, Path]:
    """Returns the images in files and folders -> the stem of their results, relative to `out`.

    Searches folders recursively, without hidden files and `out`: for files with the suffix of an
    image format, and for other files that begin like an image. A stem is the path of the image from
    the deepest folder that contains all `sources`. It has no suffix, unless two images in its
    folder differ only by suffix.

    Accepts every file in `sources`, even if it does not exist: reading it fails later. Raises
    PetsegError if a folder is also `out`.
    """
    out = _absolute(out)
    found: dict[Path, None] = {}
    bases = []
    for source in map(_absolute, sources):
        if source == out:
            raise PetsegError(
                f"{commands.shown(source)} contains the images and would get the results too; "
                "choose another folder with --out"
            )
        if source.is_dir():
            bases.append(source)
            found |= dict.fromkeys(_inside(source, out))
        else:
            bases.append(source.parent)
            found[source] = None
    base = os.path.commonpath(bases) if bases else ""
    return {path: short.relative_to(base) for path, short in shortened(found).items()}


AnyPath = TypeVar("AnyPath", bound=PurePath)


def shortened(paths: Iterable[AnyPath]) -> dict[AnyPath, AnyPath]:
    """Returns paths without suffixes, except in folders where that makes two paths equal."""
    paths = list(paths)
    times = Counter(map(_without_suffix, paths))
    ambiguous = {path.parent for path in paths if times[_without_suffix(path)] > 1}
    return {path: path if path.parent in ambiguous else path.with_suffix("") for path in paths}


def refuse_to_overwrite(images: Sequence[Path], targets: Iterable[Path]) -> None:
    """Raises PetsegError if a file to write is one of the images."""
    inputs = {_identity(path): path for path in images if path.exists()}
    for target in targets:
        if target.exists() and _identity(target) in inputs:
            raise PetsegError(
                f"{commands.shown(target)} is one of the images and would be overwritten; "
                "choose another folder with --out"
            )


def _inside(folder: Path, out: Path) -> list[Path]:
    """Returns the images in a folder and its subfolders, except those in `out`."""
    own = folder.is_relative_to(out)  # then the user asked for images in `out`
    return [
        path
        for path in sorted(folder.rglob("*"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (own or not path.is_relative_to(out))
        and path.is_file()
        and _is_image(path)
    ]


def _is_image(path: Path) -> bool:
    """Decides by the suffix, even if the file is damaged; for unknown suffixes, by content."""
    suffix = path.suffix.lower()
    if suffix in HEIC_SUFFIXES:
        return True
    if file_format := Image.registered_extensions().get(suffix):
        return file_format not in NO_IMAGES
    try:
        Image.open(path, formats=[name for name in FOUND_BY_CONTENT if name in Image.OPEN]).close()
    except OSError:  # not an image
        return False
    except Exception:  # an image, but too large or damaged: reading it reports why
        return True
    return True


def _without_suffix(path: PurePath) -> tuple[PurePath, str]:
    return path.parent, path.stem.lower()  # some file systems ignore case


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 (resolve would follow symbolic links)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
