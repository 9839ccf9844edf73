"""Reports all unusable images and masks, and summarizes unknown mask values."""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from petseg.core.errors import PetsegError
from petseg.decoding.mask import UnknownValues
from petseg.decoding.photograph import BadExample

NAMED = 3
"""Masks to name for each unknown value."""

LISTED = 10
"""Unknown values to list."""


class Bad(NamedTuple):
    """An unusable example."""

    name: str
    split: str
    reason: BadExample


def refuse_more_than(allowed: int, bad: Sequence[Bad], pixels: int, file: str) -> None:
    """Raises PetsegError for more than `allowed` bad examples; `pixels` is the masks' total."""
    if len(bad) <= allowed:
        return
    unknown = {one.name: one.reason for one in bad if isinstance(one.reason, UnknownValues)}
    lines = [f"{one.name}: {one.reason}" for one in bad if one.name not in unknown]
    raise PetsegError(
        f"{len(bad)} images or masks cannot be used and "
        f"preprocess.max_bad_examples allows {allowed}:"
        + "".join(f"\n  - {line}" for line in lines + _summed_up(unknown, pixels, file))
    )


def _summed_up(unknown: dict[str, UnknownValues], pixels: int, file: str) -> list[str]:
    """Returns a line for each unknown value, most frequent first."""
    names: dict[int | str, list[str]] = defaultdict(list)
    counts: dict[int | str, int] = defaultdict(int)
    for name, reason in unknown.items():
        for value, count in reason.pixels.items():
            names[value].append(name)
            counts[value] += count
    ordered = sorted(counts, key=counts.__getitem__, reverse=True)
    lines = [
        f"{'colour' if isinstance(value, str) else 'value'} {value} is in "
        f"{len(names[value])} mask{'s' * (len(names[value]) > 1)} "
        f"({_percent(counts[value] / pixels)} of all pixels), "
        f"as in {', '.join(names[value][:NAMED])}: make it a class or void in {file}"
        for value in ordered[:LISTED]
    ]
    if more := ordered[LISTED:]:
        lines.append(
            f"{len(more)} more values or colours, as in masks with soft edges or JPEGs saved as "
            f"PNG; redraw the masks, or for two classes, set a threshold in {file}"
        )
    return lines


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.995 else "100 %"
