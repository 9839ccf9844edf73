"""Detects a folder's layout: pairs of images and masks, and splits."""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from petseg.core.dataset_file import SPLIT
from petseg.core.errors import PetsegError
from petseg.inspection.lists import LIST_SUFFIXES, Listed, listed_folders, read_list
from petseg.inspection.matching import Folders, Match, all_matches, is_below
from petseg.inspection.tree import Tree, join, split_path

KNOWN = """\
  images/ and masks/ (or labels/, annotations/, SegmentationClass/ ...), with the same names
  train/images/ and train/masks/, images/train/ and masks/train/, train/ and trainannot/ or
    train_labels/, each also for val and test
  images and masks in one folder, the masks with _mask, _label, _seg or _gt at the end of the name
  lists (train.txt, val.txt, test.txt) with an image, or an image and its mask, on each line
  a COCO file (.json), or a LabelMe file for each image"""

_SPLITS = {
    "train": ("train", "training"),
    "validation": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
_SPLIT_OF = {word: split for split, words in _SPLITS.items() for word in words}

_SPLIT_WORD = re.compile(
    rf"(?<![a-z])({'|'.join(sorted(_SPLIT_OF, key=len, reverse=True))})\d*"
    r"(?=annot|label|mask|image|img|[^a-z]|$)",
    re.IGNORECASE,
)

_LESS_LIKELY = re.compile("object|instance|panoptic|colou?r|vis|preview|keypoint", re.IGNORECASE)


class Layout(NamedTuple):
    """Settings of a folder source; `kind` is masks, labelme or coco.

    `texts` maps splits, if any, to what replaces `{split}` in `images` and `masks`, or to lists.
    """

    kind: str
    images: str
    masks: str
    suffix: str
    texts: dict[str, str]
    count: int  # type: ignore[assignment]  # hides tuple.count
    """The number of pairs."""

    @property
    def title(self) -> str:
        """A short description."""
        together = self.images == self.masks
        text = self.images if together else f"{self.images} and {self.masks}"
        text += f", the masks with {self.suffix!r} after the image's name" * bool(self.suffix)
        kinds = {"coco": " (COCO)", "labelme": " (LabelMe)", "masks": ""}
        lists = "" if SPLIT in self.images else ", ".join(self.texts.values())
        return text + kinds[self.kind] + (f", listed in {lists}" if lists else "")

    def source(self, path: str) -> dict:
        """Returns the `source` section without splits."""
        keys = {"type": "folder", "path": path, "images": self.images, self.kind: self.masks}
        return keys | ({"mask_suffix": self.suffix} if self.suffix else {})


def find_layouts(tree: Tree) -> tuple[list[Layout], list[str]]:
    """Returns the layout with the most pairs, then those with others; and damage, as text.

    Raises PetsegError if no layout fits.
    """
    matches, problems = all_matches(tree)
    groups: dict[tuple, dict[str, Folders]] = defaultdict(dict)
    for one in matches:
        masks, word = _template(one.masks)
        images, other = _template(one.images)
        if word and word == other:
            group = groups[one.kind, images, masks, one.suffix]
            split = _split(word)
            if split not in group or len(one.matches) > len(group[split].matches):
                group[split] = one
    candidates = [{"": one} for one in (*matches, *listed_folders(tree))]
    candidates += [one for one in groups.values() if "train" in one and len(one) > 1]
    if not candidates:
        raise PetsegError(_nothing_found(tree, problems))
    candidates.sort(key=_rank)
    best = _pairs(candidates[0])
    others = [one for one in candidates[1:] if not _pairs(one) <= best]
    layouts = [_layout(tree, one) for one in (candidates[0], *others)]
    if not layouts[0].texts:
        layouts[0] = _with_lists(layouts[0], tree, candidates[0][""].matches)
    return layouts, problems


def _pairs(group: dict[str, Folders]) -> set[Match]:
    return {match for one in group.values() for match in one.matches}


def _template(path: str) -> tuple[str, str | None]:
    """Replaces a split's word by `{split}`; returns path and word."""
    found = _SPLIT_WORD.search(path)
    return (path.replace(found[0], SPLIT), found[0]) if found else (path, None)


def _split(word: str) -> str:
    return _SPLIT_OF[word.lower().rstrip("0123456789")]


def _layout(tree: Tree, group: dict[str, Folders]) -> Layout:
    """Takes folders by split, or by "" without splits."""
    one = group.get("") or group["train"]
    images, masks = (
        _pattern(tree, group.values(), own, other)
        for own, other in (("images", "masks"), ("masks", "images"))
    )
    count = sum(len(part.matches) for part in group.values())
    if "" in group:
        return Layout(one.kind, images, masks, one.suffix, {}, count)
    texts: dict[str, Any] = {
        split: _template(group[split].images)[1] for split in _SPLITS if split in group
    }
    images, masks = _template(images)[0], _template(masks)[0]
    return Layout(one.kind, images, masks, one.suffix, texts, count)


def _pattern(tree: Tree, parts: Iterable[Folders], own: str, other: str) -> str:
    """Returns a folder, or `FOLDER/*` if its subfolders contain other images."""
    parts = list(parts)
    path = getattr(parts[0], own)
    if own == "masks" and parts[0].kind == "coco":
        return path
    direct = all(
        split_path(getattr(match, own[:-1]))[0] == getattr(part, own)
        for part in parts
        for match in part.matches
    )
    deeper = any(
        folder != getattr(part, own)
        and is_below(folder, getattr(part, own))
        and not (folder == getattr(part, other) or is_below(folder, getattr(part, other)))
        for part in parts
        for folder in tree.image_folders()
    )
    return join(path, "*") if direct and deeper else path or "."


def _rank(group: dict[str, Folders]) -> tuple:
    """Returns a sort key: most pairs, then likelier, then deeper."""
    one = group.get("") or group["train"]
    count = sum(len(part.matches) for part in group.values())
    kind = ("masks", "labelme", "coco").index(one.kind)
    unlikely = bool(_LESS_LIKELY.search(one.masks))
    depth = one.images.count("/") + bool(one.images)
    return -count, unlikely, kind, -depth, one.masks


def _with_lists(layout: Layout, tree: Tree, matches: Sequence[Match]) -> Layout:
    """Adds the splits of lists that name its pairs."""
    groups: dict[str, dict[str, Listed]] = defaultdict(dict)
    for path in tree.paths(*LIST_SUFFIXES):
        folder, name = split_path(path)
        template, word = _template(name)
        listed = read_list(tree, path, matches)
        if listed.count and (word or listed.in_pairs):
            groups[join(folder, template)][_split(word) if word else "train"] = listed
    group = max(groups.values(), key=lambda one: sum(o.count for o in one.values()), default={})
    if "train" not in group:
        return layout
    texts = {split: group[split].path for split in _SPLITS if split in group}
    return layout._replace(texts=texts, count=sum(one.count for one in group.values()))


def _nothing_found(tree: Tree, problems: list[str]) -> str:
    folders = tree.image_folders()
    seen = ", ".join(f"{one or '.'}/ ({len(tree.images(one))})" for one in folders[:10])
    more = f" and {len(folders) - 10} more" * (len(folders) > 10)
    found = f"images in {seen}{more}" if folders else "no image"
    damaged = "".join(f"\n  {one}" for one in problems)
    return (
        f"{tree.root} holds {found}, and no masks that match them by name. "
        f"These layouts are known:\n{KNOWN}{damaged and chr(10) + 'Damaged:'}{damaged}"
    )
