"""What differs between two per-image tables: the scores of both, with bootstrap intervals."""

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
"""Of the intervals."""


class Comparison(NamedTuple):
    """What `compare` found. Both tables end in `old`, `new`, `difference`, `low` and `high`."""

    scores: pd.DataFrame
    """A row for each network and score, by its key in the metrics files: `network`, `score`,
    `images`."""
    groups: pd.DataFrame
    """A row for each group column, network and group, by mean IoU: `column`, `network`, `group`,
    `images`. No row where there are no groups."""
    notes: list[str]
    """What a reader must know to trust the numbers."""


def compare(old: pd.DataFrame, new: pd.DataFrame, resamples: int, seed: int) -> Comparison:
    """Compares two per-image tables (see tables.per_image) on the images that both hold.

    Groups come with the largest difference first, in each column and network. Regions and columns
    of groups count where both tables have them. PetsegError where the tables are of other classes,
    or have no network or no image in common.
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
    """A network's rows of the images in both tables, in the same order, indexed by their names."""
    before, after = (table[table["network"] == network].set_index("name") for table in (old, new))
    names = after.index[after.index.isin(before.index)]
    return before.loc[names], after.loc[names]


def _scores(counts: np.ndarray, classes: int) -> np.ndarray:
    """Mean IoU over the classes, and the IoU of each class and region: (..., K, 3) -> (..., 1 + K).

    The first of the K are the classes.
    """
    mean = scores.mean_iou(counts[..., :classes, :])
    return np.concatenate([mean[..., None], scores.iou(counts)], axis=-1)


def _changes(counts: dict[str, np.ndarray], statistic: Callable, resamples: int, seed: int) -> dict:
    """A statistic of the counts `new` and `old`, and how they differ: float, or float64 (K,)."""
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
    # The truth's pixels by class: equal where nobody changed the masks or their size.
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
