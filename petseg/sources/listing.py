"""Lists the examples and mistakes of a folder source, without TensorFlow or reading images."""

from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from petseg.core.dataset_file import SPLIT, DatasetFile, Folder
from petseg.sources import text_tables
from petseg.sources.pairing import (
    ALIKE,
    NOTHING_FOUND,
    UNREADABLE,
    Mask,
    Mistakes,
    Named,
    find_images,
    find_masks,
)
from petseg.sources.text_tables import UNREADABLE_TEXT

SPLITS = ("train", "validation", "test")

EMPTY = "splits without an example; correct splits in dataset.yaml"
NO_MASK = "images without a mask; add the mask, or remove the image"
NO_IMAGE = "masks without an image; add the image, or remove the mask"
FOLDER_AS_LIST = (
    "splits that name a folder, not a list; for folders, use {split} in images and masks"
)
IN_TWO_SPLITS = "names in two splits; keep each in one split, or rename the images"

_EXPLAIN_EMPTINESS = (NOTHING_FOUND, UNREADABLE, UNREADABLE_TEXT, FOLDER_AS_LIST)


class Row(NamedTuple):
    """An example of a folder source."""

    split: str
    name: str
    image: Path
    mask: Mask
    groups: tuple[str, ...] = ()


class Listing(NamedTuple):
    """Ordered examples, the other files that define them, and mistakes."""

    rows: list[Row]
    tables: list[Path]
    mistakes: Mistakes


def base_folder(dataset: DatasetFile) -> Path:
    """Returns the folder that a folder source's paths are relative to."""
    return dataset.folder / Path(_source(dataset).path).expanduser()


def shares(dataset: DatasetFile) -> dict[str, float | None]:
    """Returns the shares, or None, of splits to draw from training, in order."""
    splits = _source(dataset).splits
    given = {"test": splits.test, "validation": splits.validation}
    return {split: share for split, share in given.items() if not isinstance(share, str)}


def find(dataset: DatasetFile) -> Listing:
    """Lists a folder source's examples and mistakes."""
    base, source = base_folder(dataset), _source(dataset)
    mistakes: Mistakes = defaultdict(list)
    splits = {split: getattr(source.splits, split) for split in SPLITS}
    given = {split: text for split, text in splits.items() if isinstance(text, str)}
    if source.images is not None and SPLIT in source.images:
        rows, tables = _of_folders(base, dataset, given, mistakes), []
    elif source.images is None:
        rows = [
            Row(split, *row)
            for split, text in given.items()
            for row in text_tables.read_paths(base, text, mistakes)
        ]
        tables = [base / text for text in given.values()]
    else:
        rows = _of_lists(base, dataset, given, mistakes)
        tables = [base / text for text in given.values()]
    if not any(mistakes[kind] for kind in _EXPLAIN_EMPTINESS):
        held = {row.split for row in rows}
        mistakes[EMPTY] += [
            split for split in dict.fromkeys(["train", *given]) if split not in held
        ]
    _note_alike(rows, mistakes)
    if dataset.groups:
        path = base / str(source.groups_file)
        tables.append(path)
        groups = text_tables.read_groups(path, dataset.groups, rows, mistakes)
        rows = [row._replace(groups=groups.get(row.name, ())) for row in rows]
    if source.coco is not None:
        tables += sorted({row.mask.path for row in rows})
    return Listing(rows, tables, mistakes)


def _source(dataset: DatasetFile) -> Folder:
    assert isinstance(dataset.source, Folder)
    return dataset.source


def _of_folders(base: Path, dataset: DatasetFile, given: dict, mistakes: Mistakes) -> list[Row]:
    """Lists the examples if paths contain {split}."""
    rows: list[Row] = []
    all_masks: list[Mask] = []
    for split, text in given.items():
        images = find_images(base, _source(dataset), text, mistakes)
        masks = find_masks(base, _source(dataset), text, images, mistakes)
        rows += _pairs(split, images, masks, images.found, mistakes)
        all_masks += masks.found.values()
    _note_left_over(all_masks, rows, mistakes)
    return rows


def _of_lists(base: Path, dataset: DatasetFile, given: dict, mistakes: Mistakes) -> list[Row]:
    """Lists the examples in lists; without a training list, the rest are for training."""
    images = find_images(base, _source(dataset), "", mistakes)
    masks = find_masks(base, _source(dataset), "", images, mistakes)
    rows: list[Row] = []
    listed: set[str] = set()
    for split, text in given.items():
        if (base / text).is_dir():
            mistakes[FOLDER_AS_LIST].append(f"splits.{split}: {text}")
            continue
        pairs = text_tables.read_pairs(base / text, images, masks, mistakes)
        rows += [Row(split, name, images.found[name], mask) for name, mask in pairs.items() if mask]
        mistakes[NO_MASK] += [images.found[name] for name, mask in pairs.items() if not mask]
        listed |= pairs.keys()
    if "train" not in given:
        rest = [name for name in images.found if name not in listed]
        rows = _pairs("train", images, masks, rest, mistakes) + rows
        _note_left_over(masks.found.values(), rows, mistakes)
    return rows


def _pairs(
    split: str, images: Named, masks: Named, names: Iterable[str], mistakes: Mistakes
) -> list[Row]:
    names = list(names)
    if masks.found:
        mistakes[NO_MASK] += [images.found[name] for name in names if name not in masks.found]
    return [
        Row(split, name, images.found[name], masks.found[name])
        for name in names
        if name in masks.found
    ]


def _note_left_over(masks: Iterable[Mask], rows: list[Row], mistakes: Mistakes) -> None:
    used = {row.mask for row in rows}
    if used:
        left_over = [mask for mask in dict.fromkeys(masks) if mask not in used]
        mistakes[NO_IMAGE] += [mask.entry or mask.path for mask in left_over]


def _note_alike(rows: list[Row], mistakes: Mistakes) -> None:
    """Records names in two splits, or different only in case, which some file systems ignore."""
    seen: dict[str, Row] = {}
    for row in rows:
        other = seen.setdefault(row.name.casefold(), row)
        if other is row:
            continue
        if other.name == row.name:
            mistakes[IN_TWO_SPLITS].append(f"{row.name}: {other.split} and {row.split}")
        else:
            mistakes[ALIKE].append(f"{other.image} and {row.image}")
