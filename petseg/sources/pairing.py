"""Finds and names a folder source's images and masks."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from petseg.core.dataset_file import SPLIT, Folder
from petseg.sources import patterns
from petseg.sources.patterns import Found

Mistakes = dict[str, list]
"""A kind of mistake with its fix -> the affected items; see petseg/sources/mistakes.py."""

NOTHING_FOUND = "nothing found; correct the path or pattern in dataset.yaml"
UNREADABLE = "not readable; change the permissions, for example with chmod -R u+rX"
NOT_UTF8 = "names that are not UTF-8; rename them, for example with convmv"
ALIKE = "names that differ only in case or suffix; rename the images, or narrow the pattern"
ALIKE_MASKS = "a second mask of the same image; keep one, or narrow the pattern"


class Mask(NamedTuple):
    """A mask file, or an annotation file and the image's `entry`."""

    path: Path
    entry: str = ""


class Named(NamedTuple):
    """Files by image name, and other names that lists may use -> image names."""

    found: dict[str, Any]
    aliases: dict[str, str]


def find_images(base: Path, source: Folder, split: str, mistakes: Mistakes) -> Named:
    """Finds the images; `split` replaces {split}."""
    found = _find(base, "images", str(source.images), split, mistakes)
    files = found.files
    if source.masks is not None:
        masks = set(_mask_files(source, patterns.find(base, source.masks.replace(SPLIT, split))))
        files = [path for path in files if path not in masks]
        if found.files and not files:
            mistakes[NOTHING_FOUND].append("images: all files are masks; set mask_suffix")
    named = Named({}, {})
    for path in files:
        name = patterns.name_of(found.root, path)
        if name in named.found:
            mistakes[ALIKE].append(f"{named.found[name]} and {path}")
        _add(named, name, path, [name, *_aliases(base, found.root, path)])
    return named


def find_masks(base: Path, source: Folder, split: str, images: Named, mistakes: Mistakes) -> Named:
    """Finds masks or annotations; `split` replaces {split}."""
    if source.coco is not None:
        return _annotated(base / source.coco.replace(SPLIT, split), images, mistakes)
    if source.labelme is not None:
        suffixes = frozenset([".json"])
        found = _find(base, "labelme", source.labelme, split, mistakes, suffixes)
        files, end = found.files, ""
    else:
        found = _find(base, "masks", str(source.masks), split, mistakes)
        files, end = _mask_files(source, found), source.mask_suffix
        if found.files and not files:
            mistakes[NOTHING_FOUND].append(f"masks: no name ends with the mask_suffix {end}")
    named = Named({}, {})
    for path in files:
        name = patterns.name_of(found.root, path).removesuffix(end)
        if name in named.found:
            mistakes[ALIKE_MASKS].append(f"{named.found[name].path} and {path}")
        _add(named, name, Mask(path), [name, *_aliases(base, found.root, path)])
    return named


def _mask_files(source: Folder, found: Found) -> list[Path]:
    return [path for path in found.files if path.stem.endswith(source.mask_suffix)]


def _annotated(path: Path, images: Named, mistakes: Mistakes) -> Named:
    """Finds a COCO file's images; entries that match no path keep their names."""
    from petseg.sources.annotations import open_coco

    named = Named({}, {})
    for entry in open_coco(path).names:
        name = images.aliases.get(entry, entry)
        if name in named.found:
            mistakes[ALIKE_MASKS].append(f"{entry}, in {path}")
        _add(named, name, Mask(path, entry), [entry])
    return named


def _find(
    base: Path,
    key: str,
    pattern: str,
    split: str,
    mistakes: Mistakes,
    suffixes: frozenset[str] = patterns.IMAGE_SUFFIXES,
) -> Found:
    pattern = pattern.replace(SPLIT, split)
    found = patterns.find(base, pattern, suffixes)
    mistakes[UNREADABLE] += found.unreadable
    mistakes[NOT_UTF8] += [path for path in found.files if not _is_utf8(path)]
    if not found.files and not found.unreadable:
        mistakes[NOTHING_FOUND].append(f"{key}: {pattern}; {patterns.present(found.root)}")
    return found


def _add(named: Named, name: str, what: Path | Mask, aliases: Iterable[str]) -> None:
    named.found.setdefault(name, what)
    for alias in aliases:
        named.aliases.setdefault(alias, name)


def _aliases(base: Path, root: Path, path: Path) -> list[str]:
    """Returns a file's possible names in lists: relative to root or base, or absolute."""
    ways: list[Path | str] = [path.relative_to(root), os.path.relpath(path, base), path.absolute()]
    with_suffix = [Path(way).as_posix() for way in ways]
    return with_suffix + [Path(way).with_suffix("").as_posix() for way in with_suffix]


def _is_utf8(path: Path) -> bool:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
