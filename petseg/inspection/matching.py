"""Pairs images and masks by name, in one or two folders."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import zip_longest
from typing import Any, NamedTuple

from petseg.core.errors import PetsegError
from petseg.core.files import read_json
from petseg.inspection.tree import Tree, join, split_path, stem
from petseg.sources.annotations import Coco

_MASK_FOLDER = re.compile(
    r"mask|label|annot|segment|ground.?truth|trimap|matte|lbl"
    r"|(?<![a-z])(gt|segs?|targets?|ann)(?![a-z])",
    re.IGNORECASE,
)
_MASK_SUFFIX = re.compile(
    r"[-_. ]?[a-z0-9]*[-_. ]?(mask|label|annot|seg|gt|ground.?truth|trimap|matte|lbl).*"
    r"|[-_. ](l|m|lab)",
    re.IGNORECASE,
)
"""The end of a mask's name, if it is in the same folder as its image."""


class Match(NamedTuple):
    """An image, and its mask or COCO file, relative to the root."""

    image: str
    mask: str


class Folders(NamedTuple):
    """An image folder with subfolders, and its mask folder or COCO file.

    `kind` is the key in dataset.yaml.
    """

    kind: str
    images: str
    masks: str
    suffix: str
    matches: tuple[Match, ...]


def all_matches(tree: Tree) -> tuple[list[Folders], list[str]]:
    """Returns matching image and mask folders or files; and damage, as text.

    Folders also match by their subfolders.
    """
    files, problems = _json_files(tree)
    folders = {folder: tree.images(folder) for folder in tree.image_folders()}
    found = [*_mask_folders(folders), *_labelme_folders(tree, folders, files)]
    groups: dict[tuple[str, str, str, str], list[Match]] = defaultdict(list)
    for one in found:
        for images, masks in _with_parents(one.images, one.masks):
            groups[one.kind, images, masks, one.suffix] += one.matches
    merged = [Folders(*group, tuple(matches)) for group, matches in groups.items()]
    for path, content in files.items():
        if isinstance(content, dict) and {"images", "annotations"} <= set(content):
            try:
                merged += _coco_folders(folders, path, Coco(tree.root / path, content))
            except PetsegError as error:
                problems.append(str(error))
    return [one for one in merged if one.matches], problems


def is_below(path: str, folder: str) -> bool:
    """Returns whether a folder or its subfolders contain a path."""
    return not folder or path.startswith(f"{folder}/")


def _is_mask_folder(masks: str, images: str) -> bool:
    """Returns whether, where the paths differ, only that of `masks` names masks."""
    pairs = [pair for pair in zip_longest(masks.split("/"), images.split("/")) if len({*pair}) > 1]
    own, others = ([part for part in parts if part] for parts in zip(*pairs, strict=True))
    return any(map(_MASK_FOLDER.search, own)) and not any(map(_MASK_FOLDER.search, others))


def _with_parents(images: str, masks: str) -> Iterator[tuple[str, str]]:
    """Yields two folders, and their parents while the last parts are equal."""
    yield images, masks
    while images and masks:
        images, one = split_path(images)
        masks, other = split_path(masks)
        if one != other:
            return
        yield images, masks


def _mask_folders(folders: dict[str, list[str]]) -> Iterator[Folders]:
    for images, names in folders.items():
        for masks in folders:
            if masks == images or _is_mask_folder(masks, images):
                yield _matched("masks", images, names, masks, folders[masks])


def _labelme_folders(tree: Tree, folders: dict, files: dict[str, object]) -> Iterator[Folders]:
    for path, content in files.items():
        if isinstance(content, dict) and "shapes" in content:
            masks, _ = split_path(path)
            names = [name for name in tree.files[masks] if name.lower().endswith(".json")]
            for images in folders:
                yield _matched("labelme", images, folders[images], masks, names)


def _json_files(tree: Tree) -> tuple[dict[str, object], list[str]]:
    """Returns path -> content; of hundreds of LabelMe files, reads one per folder."""
    files: dict[str, Any] = {}
    problems: list[str] = []
    for path in tree.paths(".json"):
        folder, _ = split_path(path)
        if any("shapes" in files[other] for other in files if split_path(other)[0] == folder):
            continue
        try:
            content = read_json(tree.root / path)
        except (OSError, ValueError, RecursionError) as error:
            problems.append(f"{path} is not a JSON file, or is damaged: {error}")
        else:
            if isinstance(content, dict):
                files[path] = content
    return files, problems


def _matched(kind: str, images: str, image_names: list, masks: str, mask_names: list) -> Folders:
    """Matches by name and the masks' most frequent suffix."""
    together = kind == "masks" and images == masks
    of_stem = {stem(name): name for name in reversed(image_names)}
    found: dict[str, dict[str, str]] = {}
    for mask in mask_names:
        whole = stem(mask)
        for end in range(len(whole) - together, 0, -1):
            rest = whole[end:]
            if whole[:end] in of_stem and (not rest or _is_suffix(rest, together)):
                found.setdefault(rest, {}).setdefault(of_stem[whole[:end]], mask)
                break
    suffix = max(found, key=lambda rest: (len(found[rest]), -len(rest)), default="")
    matches = tuple(
        Match(join(images, image), join(masks, mask))
        for image, mask in sorted(found.get(suffix, {}).items())
        if not (together and _ends_with(image, suffix))
    )
    return Folders(kind, images, masks, suffix, matches)


def _is_suffix(rest: str, together: bool) -> bool:
    return bool(_MASK_SUFFIX.fullmatch(rest)) if together else not rest[0].isalnum()


def _ends_with(name: str, suffix: str) -> bool:
    return bool(suffix) and stem(name).endswith(suffix)


def _coco_folders(folders: dict[str, list[str]], path: str, coco: Coco) -> Iterator[Folders]:
    """Yields the folders of a COCO file's images, which may be named with a path."""
    known = {join(folder, name) for folder, names in folders.items() for name in names}
    by_name: dict[str, list[str]] = defaultdict(list)
    for image in known:
        by_name[split_path(image)[1]].append(image)
    bases = Counter(
        image[: -len(name)].rstrip("/")
        for name in coco.names
        for image in by_name.get(split_path(name)[1], ())
        if image == name or image.endswith(f"/{name}")
    )
    for base in bases:
        there = (join(base, name) for name in coco.names)
        yield Folders("coco", base, path, "", tuple(Match(i, path) for i in there if i in known))
