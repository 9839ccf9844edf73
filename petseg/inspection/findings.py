"""Sums up the facts of all examples."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from petseg.inspection.scan import Facts, ImageFacts, MaskFacts

Mark = int | str
"""Marks a class in a mask: a value, or a colour as #rrggbb."""

MANY = 16

_SOFT_EDGE_SHARES = (0.03, 0.2)
"""The largest share of pixels between 0 and 255 in masks with soft edges: if they have few such
values, which could be classes, and if they have more than MANY."""


@dataclass
class Marks:
    """Pixels, mask count and first mask of each value or colour; `many` are masks with too many."""

    pixels: Counter = field(default_factory=Counter)
    masks: Counter = field(default_factory=Counter)
    first: dict[Mark, str] = field(default_factory=dict)
    many: list[str] = field(default_factory=list)

    def add(self, counts: dict | None, name: str) -> None:
        """Adds one mask's counts."""
        if counts is None:
            self.many.append(name)
            return
        self.pixels.update(counts)
        self.masks.update(counts.keys())
        for mark in counts:
            self.first.setdefault(mark, name)

    def shares(self) -> dict[Mark, float]:
        """Returns each share of all pixels, sorted by value or colour."""
        total = self.pixels.total()
        return {mark: self.pixels[mark] / total for mark in sorted(self.pixels)}


@dataclass
class Findings:
    """Facts about all files read, named relative to `root`.

    `coloured` are RGB masks, `with_hue` those that are not grey.
    """

    root: Path
    image_sizes: Counter = field(default_factory=Counter)
    image_kinds: Counter = field(default_factory=Counter)
    mask_kinds: Counter = field(default_factory=Counter)
    unusable: list[str] = field(default_factory=list)
    other_sizes: list[str] = field(default_factory=list)
    turned: list[str] = field(default_factory=list)
    turned_fitting: int = 0
    lossy: list[str] = field(default_factory=list)
    coloured: list[str] = field(default_factory=list)
    with_hue: list[str] = field(default_factory=list)
    values: Marks = field(default_factory=Marks)
    colours: Marks = field(default_factory=Marks)
    palette: dict[int, str] = field(default_factory=dict)
    copies: dict[bytes, list[tuple[str, str]]] = field(default_factory=lambda: defaultdict(list))

    @property
    def need_threshold(self) -> bool:
        """Whether grey masks hold more values than were drawn."""
        return not self.with_hue and (bool(self.lossy) or has_soft_edges(self.values.shares()))

    @property
    def marks(self) -> Marks:
        """By value if all masks have one channel, else by colour."""
        return self.colours if self.coloured and not self.need_threshold else self.values

    def duplicates(self) -> tuple[list[str], list[str]]:
        """Returns byte-identical images, within and across splits."""
        within: list[str] = []
        across: list[str] = []
        for images in self.copies.values():
            if len(images) > 1:
                kind = across if len({split for split, _ in images}) > 1 else within
                kind.append(" = ".join(name for _, name in images))
        return within, across


def has_soft_edges(shares: Mapping[Any, float]) -> bool:
    """Returns whether masks of 0 and 255 have values between, from soft edges.

    Few or consecutive values are classes: 0, 1, 2 ... 20 and 255 as void.
    """
    between = [mark for mark in shares if mark not in (0, 255)]
    return (
        {0, 255} <= set(shares)
        and len(between) >= 3
        and 2 * len(between) + MANY < max(between) < 255
        and sum(shares[mark] for mark in between) < _SOFT_EDGE_SHARES[len(between) > MANY]
    )


def sum_up(root: Path, facts: Iterable[Facts]) -> Findings:
    """Sums up facts."""
    found = Findings(root)
    for row, image, mask in facts:
        image_name = row.image.relative_to(root).as_posix()
        mask_name = row.mask.entry or row.mask.path.relative_to(root).as_posix()
        if isinstance(image, str):
            found.unusable.append(f"{image_name}: {image}")
        else:
            _add_image(found, image_name, row.split, image)
        if isinstance(mask, str):
            found.unusable.append(f"{mask_name}: {mask}")
        else:
            _add_mask(found, mask_name, mask)
        if not isinstance(image, str) and not isinstance(mask, str):
            _compare(found, mask_name, image, mask)
    return found


def _add_image(found: Findings, name: str, split: str, image: ImageFacts) -> None:
    found.image_sizes[image.size] += 1
    found.image_kinds[image.kind] += 1
    found.copies[image.digest].append((split, name))
    if image.orientation != 1:
        found.turned.append(name)


def _add_mask(found: Findings, name: str, mask: MaskFacts) -> None:
    found.mask_kinds[mask.kind] += 1
    if mask.is_lossy:
        found.lossy.append(name)
    if mask.is_coloured:
        found.coloured.append(name)
    if mask.is_coloured and mask.values is None:
        found.with_hue.append(name)
    else:
        found.values.add(mask.values, name)
    found.colours.add(mask.colours, name)
    for value, colour in mask.palette.items():
        found.palette.setdefault(value, colour)


def _compare(found: Findings, name: str, image: ImageFacts, mask: MaskFacts) -> None:
    if mask.size == image.size:
        found.turned_fitting += image.orientation != 1
        return
    lying = image.orientation >= 5 and mask.size == image.size[::-1]
    turned = " when turned upright as its EXIF says" * lying
    found.other_sizes.append(f"{name}: {by(mask.size)}, the image {by(image.size)}{turned}")


def by(size: Sequence[int]) -> str:
    """Formats width and height."""
    return f"{size[0]}x{size[1]}"
