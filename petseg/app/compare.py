"""Tells what changed between two revisions: scores with bootstrap intervals, and parameters.

    petseg compare HEAD~1            a commit, branch or tag, against the workspace
    petseg compare main bold-exp     two revisions or DVC experiments

Compares image by image what `evaluate` wrote to data/per_image.csv. A difference is REV2 minus
REV; its 95 % interval (paired bootstrap, see petseg/metrics/bootstrap.py) says how far it
could come from the choice of test images. A training with another seed differs too, which only
further trainings can show.
"""

import argparse
import json
from typing import NamedTuple

import numpy as np
import pandas as pd

from petseg.app import commands, revisions
from petseg.core.classes import CLASS_NAMES
from petseg.core.errors import PetsegError
from petseg.core.paths import PER_IMAGE
from petseg.evaluation import tables
from petseg.metrics import bootstrap, scores

LEVEL = 0.95
SCORES = ("mean_iou", *(f"iou.{name}" for name in CLASS_NAMES), "pet_iou_dataset")
"""The compared scores, by their keys in the metrics files."""
ABSENT = "(absent)"


class Comparison(NamedTuple):
    """What `compare` found. Both tables end in `old`, `new`, `difference`, `low` and `high`."""

    scores: pd.DataFrame
    """A row for each network and score: `network`, `score`, `images`."""
    breeds: pd.DataFrame
    """A row for each network and breed, by pet IoU: `network`, `breed`, `images`."""
    notes: list[str]
    """What a reader must know to trust the numbers."""


def compare(old: pd.DataFrame, new: pd.DataFrame, resamples: int, seed: int) -> Comparison:
    """Compares two per-image tables (see tables.per_image) on the images that both hold.

    Breeds come with the largest difference first, in each network. PetsegError where the tables
    have no network or no image in common.
    """
    pairs = {name: _common_rows(old, new, name) for name in new["network"].unique()}
    pairs = {name: pair for name, pair in pairs.items() if len(pair[0])}
    if not pairs:
        raise PetsegError(f"the two {PER_IMAGE} have no network and test image in common")
    score_rows, breed_rows = [], []
    for network, (before, after) in pairs.items():
        changes = _changes(before, after, _scores, resamples, seed)
        score_rows += [
            {"network": network, "score": score, "images": len(after)} | change
            for score, change in zip(SCORES, changes, strict=True)
        ]
        for breed, rows in after.groupby("breed"):
            kept = before.loc[rows.index]
            (change,) = _changes(kept, rows, _pet_iou, resamples, seed)
            breed_rows.append({"network": network, "breed": breed, "images": len(rows)} | change)
    breed_rows.sort(key=lambda row: (list(pairs).index(row["network"]), -abs(row["difference"])))
    return Comparison(pd.DataFrame(score_rows), pd.DataFrame(breed_rows), _notes(old, new, pairs))


def changed_params(old: dict, new: dict) -> dict[str, tuple]:
    """Old and new value of every parameter that differs, by its full key (`train_unet.epochs`)."""
    before, after = flat(old), flat(new)
    return {
        key: (before.get(key, ABSENT), after.get(key, ABSENT))
        for key in before | after
        if key not in before or key not in after or before[key] != after[key]
    }


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, _parser(), arguments)


def _main(options: argparse.Namespace) -> int:
    old, new = revisions.read_table(options.old), revisions.read_table(options.new)
    found = compare(old, new, options.resamples, options.seed)
    params = changed_params(*map(revisions.read_params, (options.old, options.new)))
    report = _json if options.json else _text
    print(report(found, params, options))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser("compare", __doc__)
    parser.add_argument("old", metavar="REV", help="a Git revision or DVC experiment")
    parser.add_argument(
        "new",
        metavar="REV2",
        nargs="?",
        default=revisions.WORKSPACE,
        help="another; default: %(default)s",
    )
    parser.add_argument(
        "--breeds",
        type=commands.whole_number(0),
        default=5,
        metavar="N",
        help="how many breeds to show of each network, the most changed; default: %(default)s",
    )
    parser.add_argument(
        "--resamples",
        type=commands.whole_number(1),
        default=2000,
        metavar="N",
        help="how often the test images are drawn; default: %(default)s",
    )
    parser.add_argument(
        "--seed",
        type=commands.whole_number(0),
        default=0,
        metavar="N",
        help="of the draws; default: %(default)s",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, with all breeds")
    return parser


def _common_rows(old: pd.DataFrame, new: pd.DataFrame, network: str):
    """A network's rows of the images in both tables, in the same order, indexed by their names."""
    before, after = (table[table["network"] == network].set_index("name") for table in (old, new))
    names = after.index[after.index.isin(before.index)]
    return before.loc[names], after.loc[names]


def _changes(before: pd.DataFrame, after: pd.DataFrame, statistic, resamples: int, seed: int):
    """A dict for each of the statistic's scores."""
    matrices = {"new": tables.matrices(after), "old": tables.matrices(before)}
    found = bootstrap.intervals(matrices, statistic, resamples, seed, LEVEL)
    columns = {
        "old": found["old"].estimate,
        "new": found["new"].estimate,
        "difference": found["new_minus_old"].estimate,
        "low": found["new_minus_old"].low,
        "high": found["new_minus_old"].high,
    }
    return pd.DataFrame(columns).to_dict("records")


def _scores(matrices: np.ndarray) -> np.ndarray:
    """The values of SCORES: (..., C, C) -> float64 (..., 5)."""
    return np.concatenate(
        [scores.mean_iou(matrices)[..., None], scores.iou(matrices), _pet_iou(matrices)], axis=-1
    )


def _pet_iou(matrices: np.ndarray) -> np.ndarray:
    return scores.pet_iou(matrices)[..., None]


def _notes(old: pd.DataFrame, new: pd.DataFrame, pairs: dict) -> list[str]:
    notes = []
    for name in sorted(set(old["network"]) ^ set(new["network"])):
        notes.append(f"only one of the revisions has the network {name}: it is left out")
    before, after = set(old["name"]), set(new["name"])
    if before != after:
        notes.append(
            f"the test images differ: {len(before)} in REV, {len(after)} in REV2; "
            f"only the {len(before & after)} in both are compared"
        )
    # The truth's pixels by class: equal where nobody changed the masks or their size.
    truths = [
        (tables.matrices(pair[0]).sum(axis=2) != tables.matrices(pair[1]).sum(axis=2)).any(axis=1)
        for pair in pairs.values()
    ]
    if changed := max(int(part.sum()) for part in truths):
        notes.append(
            f"{changed} images have other masks in REV than in REV2 (another size or dataset?): "
            "the scores are not of the same task"
        )
    return notes


def flat(nested: dict, prefix: str = "") -> dict:
    """Nested keys joined by dots."""
    joined = {}
    for key, value in nested.items():
        name = f"{prefix}{key}"
        joined |= flat(value, f"{name}.") if isinstance(value, dict) else {name: value}
    return joined


def _json(found: Comparison, params: dict, options: argparse.Namespace) -> str:
    content = {
        "old": options.old,
        "new": options.new,
        "level": LEVEL,
        "resamples": options.resamples,
        "seed": options.seed,
        "notes": found.notes,
        "scores": _records(found.scores),
        "breeds": _records(found.breeds),
        "params": {key: {"old": old, "new": new} for key, (old, new) in params.items()},
    }
    return json.dumps(content, indent=2, allow_nan=False, default=str)


def _records(table: pd.DataFrame) -> list[dict]:
    """The rows of a table, with None for NaN."""
    return table.astype(object).where(table.notna(), None).to_dict("records")


def _text(found: Comparison, params: dict, options: argparse.Namespace) -> str:
    lines = [f"REV   {options.old}", f"REV2  {options.new}"]
    lines += [f"note: {note}" for note in found.notes]
    lines += ["", *_table(found.scores, "score"), f"  * the {LEVEL:.0%} interval leaves out 0"]
    changed = found.breeds[found.breeds["difference"].ne(0)]
    shown = changed.groupby("network", sort=False).head(options.breeds)
    if len(shown):
        by_chance = f"about {(1 - LEVEL) * len(found.breeds):.0f} leave out 0 by chance alone"
        lines += ["", "Breeds with the largest change of their pet IoU:", *_table(shown, "breed")]
        lines.append(f"  of {len(found.breeds)} such intervals, {by_chance}")
        lines.append("  the intervals of few images are too narrow")
    lines += ["", "Parameters:" if params else "Parameters: the same"]
    lines += [f"  {key}: {old} -> {new}" for key, (old, new) in params.items()]
    return "\n".join(lines)


def _table(table: pd.DataFrame, label: str) -> list[str]:
    widths = [max(map(len, [name, *table[name]])) for name in ("network", label)]
    lines = [
        f"{'network':{widths[0]}}  {label:{widths[1]}}  images     REV    REV2  difference  "
        f"{LEVEL:.0%} interval"
    ]
    for row in table.to_dict("records"):
        real = "*" if row["low"] > 0 or row["high"] < 0 else ""
        lines.append(
            f"{row['network']:{widths[0]}}  {row[label]:{widths[1]}}  {row['images']:6d}  "
            f"{row['old']:6.4f}  {row['new']:6.4f}  {row['difference']:+10.4f}  "
            f"[{row['low']:+.4f}, {row['high']:+.4f}] {real}".rstrip()
        )
    return lines


if __name__ == "__main__":
    main()
