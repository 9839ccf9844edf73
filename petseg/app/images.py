"""A person's own images: which files are meant, and where results go."""

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
"""Documents, films, drawings and tables whose suffixes Pillow knows."""
FOUND_BY_CONTENT = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP")
"""Formats that are found under any name. Not TIFF: it would take the previews of raw files."""


def find(sources: Iterable[Path], out: Path) -> dict[Path, Path]:
    """The images that files and folders name -> the path, inside `out`, of their results.

    Folders are searched through, without hidden files and without `out`: for files with the suffix
    of an image format, and for those of an unknown suffix whose first bytes are an image's. A
    result's path has neither `out` nor an end: it is the image's own, from the deepest folder that
    holds all of `sources` on, without its suffix where that is enough to tell the folder's images
    apart.

    Raises PetsegError where a folder is also `out`. Files that are named are taken as they are,
    also where they do not exist: reading them says so.
    """
    out = _absolute(out)
    found: dict[Path, None] = {}
    bases = []
    for source in map(_absolute, sources):
        if source == out:
            raise PetsegError(
                f"{commands.shown(source)} holds the images and would take the results too; "
                "name another folder with --out"
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
    """Paths without their suffixes, where that is enough to tell the folder's images apart."""
    paths = list(paths)
    times = Counter(map(_without_suffix, paths))
    ambiguous = {path.parent for path in paths if times[_without_suffix(path)] > 1}
    return {path: path if path.parent in ambiguous else path.with_suffix("") for path in paths}


def refuse_to_overwrite(images: Sequence[Path], targets: Iterable[Path]) -> None:
    """PetsegError where one of the files to write is one of the images."""
    inputs = {_identity(path): path for path in images if path.exists()}
    for target in targets:
        if target.exists() and _identity(target) in inputs:
            raise PetsegError(
                f"{commands.shown(target)} is one of the images and would be overwritten; "
                "name another folder with --out"
            )


def _inside(folder: Path, out: Path) -> list[Path]:
    """The images in a folder and in those below it, but not in `out`."""
    own = folder.is_relative_to(out)  # then the person wants images of that folder
    return [
        path
        for path in sorted(folder.rglob("*"))
        if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        and (own or not path.is_relative_to(out))
        and path.is_file()
        and _is_image(path)
    ]


def _is_image(path: Path) -> bool:
    """By its suffix, also where it turns out to be damaged; where that is unknown, by content."""
    suffix = path.suffix.lower()
    if suffix in HEIC_SUFFIXES:
        return True
    if file_format := Image.registered_extensions().get(suffix):
        return file_format not in NO_IMAGES
    try:
        Image.open(path, formats=[name for name in FOUND_BY_CONTENT if name in Image.OPEN]).close()
    except OSError:  # no image
        return False
    except Exception:  # an image, but too large or damaged: reading it tells
        return True
    return True


def _without_suffix(path: PurePath) -> tuple[PurePath, str]:
    return path.parent, path.stem.lower()  # some file systems do not tell cat from Cat


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 (resolve would follow symbolic links)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
