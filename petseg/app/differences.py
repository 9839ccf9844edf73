"""Compares per-image tables, with bootstrap intervals."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import pandas as pd

from petseg.core.errors import PetsegError
from petseg.core.paths import PER_IMAGE
from petseg.evaluation import tables
from petseg.metrics import bootstrap, scores

LEVEL = 0.95
"""Confidence level of the intervals."""


class Comparison(NamedTuple):
    """Two tables that end in `old`, `new`, `difference`, `low` and `high`."""

    scores: pd.DataFrame
    """By network and score (its key in the metrics files): `network`, `score`, `images`."""
    groups: pd.DataFrame
    """Mean IoU by `column`, `network` and `group`, and `images`; empty without groups."""
    notes: list[str]
    """Caveats about the numbers."""


def compare(old: pd.DataFrame, new: pd.DataFrame, resamples: int, seed: int) -> Comparison:
    """Compares two tables of `tables.per_image` on their common images.

    Sorts groups by difference, the largest first. Ignores regions and group columns of one table
    only. Raises PetsegError if classes differ, or no network or image is common.
    """
    _require_same_classes(old, new)
    notes = _notes(old, new)
    shared = [column for column in new.columns if column in old.columns]
    old, new = old[shared], new[shared]
    pairs = {name: _common_rows(old, new, name) for name in new["network"].unique()}
    pairs = {name: pair for name, pair in pairs.items() if len(pair[0])}
    if not pairs:
        raise PetsegError(f"the two {PER_IMAGE} have no network and test image in common")
    classes, regions = (tables.names(new, kind) for kind in (tables.CLASS, tables.REGION))
    keys = ["mean_iou", *(f"iou.{name}" for name in classes)]
    keys += [f"regions.{name}.iou_dataset" for name in regions]
    statistic = partial(_scores, classes=len(classes))
    found, groups = [], []
    for network, (before, after) in pairs.items():
        counts = {name: tables.all_counts(rows) for name, rows in (("new", after), ("old", before))}
        changes = _changes(counts, statistic, resamples, seed)
        where = {"network": network, "score": keys, "images": len(after)}
        found.append(pd.DataFrame(where | changes))
    for column in tables.names(new, tables.GROUP):
        for network, (before, after) in pairs.items():
            rows = []
            for group, part in after.groupby(f"{tables.GROUP}{column}"):
                kept = before.loc[part.index]
                counts = {"new": tables.counts(part), "old": tables.counts(kept)}
                where = {"column": column, "network": network, "group": group, "images": len(part)}
                rows.append(where | _changes(counts, scores.mean_iou, resamples, seed))
            groups += sorted(rows, key=_largest_first)
    columns = ["column", "network", "group", "images", "old", "new", "difference", "low", "high"]
    notes += _notes_on_masks(pairs)
    return Comparison(pd.concat(found), pd.DataFrame(groups, columns=columns), notes)


def _common_rows(old: pd.DataFrame, new: pd.DataFrame, network: str):
    """Returns both tables' rows of common images, indexed by name."""
    before, after = (table[table["network"] == network].set_index("name") for table in (old, new))
    names = after.index[after.index.isin(before.index)]
    return before.loc[names], after.loc[names]


def _scores(counts: np.ndarray, classes: int) -> np.ndarray:
    """Returns mean IoU of the first `classes`, and all IoUs: (..., K, 3) -> (..., 1 + K)."""
    mean = scores.mean_iou(counts[..., :classes, :])
    return np.concatenate([mean[..., None], scores.iou(counts)], axis=-1)


def _changes(counts: dict[str, np.ndarray], statistic: Callable, resamples: int, seed: int) -> dict:
    """Returns a statistic, float or float64 (K,), and its change."""
    found = bootstrap.intervals(counts, statistic, resamples, seed, LEVEL)
    return {
        "old": found["old"].estimate,
        "new": found["new"].estimate,
        "difference": found["new_minus_old"].estimate,
        "low": found["new_minus_old"].low,
        "high": found["new_minus_old"].high,
    }


def _largest_first(row: dict) -> float:
    return 0 if np.isnan(row["difference"]) else -abs(row["difference"])


def _require_same_classes(old: pd.DataFrame, new: pd.DataFrame) -> None:
    before, after = (set(tables.names(table, tables.CLASS)) for table in (old, new))
    alone = [
        f"only {revision} has {', '.join(sorted(names))}"
        for revision, names in (("REV", before - after), ("REV2", after - before))
        if names
    ]
    if alone:
        raise PetsegError(f"the two revisions are of different datasets: {'; '.join(alone)}")


def _notes(old: pd.DataFrame, new: pd.DataFrame) -> list[str]:
    notes = []
    before, after = (
        {"network": set(table["network"])}
        | {"region": set(tables.names(table, tables.REGION))}
        | {"group column": set(tables.names(table, tables.GROUP))}
        for table in (old, new)
    )
    for kind in before:
        for name in sorted(before[kind] ^ after[kind]):
            notes.append(f"only one of the revisions has the {kind} {name}: it is left out")
    first, second = set(old["name"]), set(new["name"])
    if first != second:
        notes.append(
            f"the test images differ: {len(first)} in REV, {len(second)} in REV2; "
            f"only the {len(first & second)} in both are compared"
        )
    return notes


def _notes_on_masks(pairs: dict) -> list[str]:
    # Pixels per class: they differ only if masks or their size changed.
    truths = [
        (tables.counts(before)[..., 0] != tables.counts(after)[..., 0]).any(axis=1)
        for before, after in pairs.values()
    ]
    changed = max(int(part.sum()) for part in truths)
    if not changed:
        return []
    return [
        f"{changed} images have other masks in REV than in REV2 (another size or dataset?): "
        "the scores are not of the same task"
    ]
