"""Writes the report of `petseg inspect`."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import median

from petseg.inspection.classes import Proposal, percent
from petseg.inspection.findings import Findings, by
from petseg.inspection.layouts import Layout
from petseg.inspection.tree import Tree, one_line
from petseg.sources.listing import Row
from petseg.sources.mistakes import LISTED

MOST_LINES = 40
"""The most values or colours to list."""


def layout_lines(tree: Tree, layouts: Sequence[Layout], rows: Sequence[Row], read: int) -> list:
    """Reports the layout, pairs per split, other layouts and unused images."""
    layout, *others = layouts
    counts = Counter(row.split for row in rows)
    splits = ", ".join(f"{split} {counts[split]}" for split in counts) if layout.texts else ""
    here = Path.cwd()
    root = tree.root.relative_to(here) if tree.root.is_relative_to(here) else tree.root
    lines = [
        f"{root}: {layout.title}",
        f"pairs of image and mask: {len(rows)}{splits and f' ({splits})'}",
    ]
    likely = [f"{other.title} ({other.count})" for other in others if 2 * other.count > len(rows)]
    if likely:
        lines.append(f"other layouts that fit: {_shortened(likely, 3)}")
    used = {path.parent for row in rows for path in (row.image, row.mask.path)}
    unused = [
        f"{folder or '.'}/ ({len(tree.images(folder))})"
        for folder in tree.image_folders()
        if tree.root / folder not in used
    ]
    if unused:
        lines.append(f"images not used: {_shortened(unused, 5)}")
    if read < len(rows):
        lines.append(f"pairs read, spread evenly: {read}; the rest of this report is about them")
    return lines


def content_lines(found: Findings) -> list[str]:
    """Reports sizes and modes."""
    lines = [
        f"images: {_sizes(found.image_sizes)}; {_kinds(found.image_kinds)}",
        f"masks: {_kinds(found.mask_kinds)}",
    ]
    if found.turned:
        lines.append(
            f"images to turn upright by their EXIF orientation: {len(found.turned)}; "
            f"masks that fit then: {found.turned_fitting}"
        )
    within, _ = found.duplicates()
    if within:
        lines.append(f"byte-identical images: {_shortened(within, 3)}")
    return lines


def marks_lines(found: Findings, proposal: Proposal | None) -> list[str]:
    """Tabulates values or colours: share of pixels, and number of masks."""
    shares, masks = found.marks.shares(), found.marks.masks
    names = {one.mark: one.name for one in proposal.classes} if proposal else {}
    names |= dict.fromkeys(proposal.void, "(void)") if proposal else {}
    largest = sorted(shares, key=shares.__getitem__, reverse=True)[:MOST_LINES]
    rows = [("colour" if found.colours is found.marks else "value", "pixels", "masks", "")]
    rows += [
        (str(mark), percent(shares[mark]), str(masks[mark]), one_line(names.get(mark, "")))
        for mark in shares
        if mark in largest
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  " + "  ".join([*map(str.rjust, row[:3], widths[:3]), row[3]]).rstrip() for row in rows
    ]
    if rest := [mark for mark in shares if mark not in largest]:
        share = percent(sum(shares[mark] for mark in rest))
        lines.append(f"  and {len(rest)} more with {share} of the pixels together")
    return lines


def problem_lines(tree: Tree, mistakes: Mapping[str, Iterable], found: Findings) -> list[str]:
    """Reports what to fix before `dvc repro`, by kind."""
    _, across = found.duplicates()
    kinds = {kind: [*map(str, them)] for kind, them in mistakes.items()} | {
        "files that cannot be used; replace them, or remove image and mask": found.unusable,
        "masks whose size differs from the image's; draw masks for the upright image, and resize "
        "them without interpolation": found.other_sizes,
        "the same image, byte for byte, in two splits; keep one": across,
    }
    lines = []
    for kind, them in kinds.items():
        if them:
            lines.append(f"  {len(them)} x {kind}:")
            lines += [f"    {_relative(tree, one)}" for one in them[:LISTED]]
            lines += [f"    and {len(them) - LISTED} more"] * (len(them) > LISTED)
    return ["to fix before dvc repro:", *lines] if lines else []


def _sizes(sizes: Counter) -> str:
    if not sizes:
        return "none that can be read"
    if len(sizes) == 1:
        return f"all {by(next(iter(sizes)))}"
    sides = list(zip(*sizes.elements(), strict=True))
    low, middle, high = (by([round(of(side)) for side in sides]) for of in (min, median, max))
    return f"{len(sizes)} sizes, sides from {low} to {high}, median {middle}"


def _kinds(kinds: Counter) -> str:
    return "; ".join(
        kind if len(kinds) == 1 else f"{kind} ({count})" for kind, count in kinds.most_common()
    )


def _relative(tree: Tree, text: str) -> str:
    return one_line(text.replace(f"{tree.root}/", ""))


def _shortened(texts: Sequence[str], most: int) -> str:
    more = f" and {len(texts) - most} more" * (len(texts) > most)
    return one_line(", ".join(texts[:most])) + more
