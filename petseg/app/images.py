"""Finds images, and names their results."""

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
"""Documents, films, drawings and tables whose suffixes Pillow registers."""
FOUND_BY_CONTENT = ("AVIF", "BMP", "GIF", "JPEG", "PNG", "WEBP")
"""Formats found under any suffix; not TIFF, as previews in raw camera files would match."""


def find(sources: Iterable[Path], out: Path) -> dict[Path, Path]:
    """Returns images in files and folders -> the stem of their results, relative to `out`.

    Searches folders recursively, except hidden files and `out`, for image suffixes and files that
    begin like an image. A stem is the path from the deepest folder that contains all `sources`,
    without suffix unless images in its folder differ only by suffix.

    Accepts missing files: reading them fails later. Raises PetsegError if a folder is `out`.
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
    """Removes suffixes, except where that makes paths equal."""
    paths = list(paths)
    times = Counter(map(_without_suffix, paths))
    ambiguous = {path.parent for path in paths if times[_without_suffix(path)] > 1}
    return {path: path if path.parent in ambiguous else path.with_suffix("") for path in paths}


def refuse_to_overwrite(images: Sequence[Path], targets: Iterable[Path]) -> None:
    """Raises PetsegError if a target is one of `images`."""
    inputs = {_identity(path): path for path in images if path.exists()}
    for target in targets:
        if target.exists() and _identity(target) in inputs:
            raise PetsegError(
                f"{commands.shown(target)} is one of the images and would be overwritten; "
                "choose another folder with --out"
            )


def _inside(folder: Path, out: Path) -> list[Path]:
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
    """Decides by suffix, even if damaged, or else by content."""
    suffix = path.suffix.lower()
    if suffix in HEIC_SUFFIXES:
        return True
    if file_format := Image.registered_extensions().get(suffix):
        return file_format not in NO_IMAGES
    try:
        Image.open(path, formats=[name for name in FOUND_BY_CONTENT if name in Image.OPEN]).close()
    except OSError:  # not an image
        return False
    except Exception:  # too large or damaged: reading it reports why
        return True
    return True


def _without_suffix(path: PurePath) -> tuple[PurePath, str]:
    return path.parent, path.stem.lower()  # some file systems ignore case


def _absolute(path: Path) -> Path:
    return Path(os.path.abspath(path))  # noqa: PTH100 (resolve would follow symbolic links)


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino
