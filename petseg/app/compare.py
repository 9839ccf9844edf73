"""Compares two revisions: parameters, and scores with intervals.

    petseg compare HEAD~1            # a commit, branch or tag, with the workspace
    petseg compare main bold-exp     # two revisions or DVC experiments

Compares data/per_image.csv of `evaluate`, image by image. A difference is REV2 minus REV. Its 95 %
interval (paired bootstrap, petseg/metrics/bootstrap.py) covers the choice of test images, not the
training seed: train with several seeds to see that.
"""

import argparse
import json

import pandas as pd

from petseg.app import commands, revisions
from petseg.app.differences import LEVEL, Comparison, compare

ABSENT = "(absent)"


def changed_params(old: dict, new: dict) -> dict[str, tuple]:
    """Returns old and new values of changed parameters by key (`train_unet.epochs`)."""
    before, after = flat(old), flat(new)
    return {
        key: (before.get(key, ABSENT), after.get(key, ABSENT))
        for key in before | after
        if key not in before or key not in after or before[key] != after[key]
    }


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, build_parser(), arguments)


def _main(options: argparse.Namespace) -> int:
    old, new = revisions.read_table(options.old), revisions.read_table(options.new)
    found = compare(old, new, options.resamples, options.seed)
    params = changed_params(*map(revisions.read_params, (options.old, options.new)))
    report = _json if options.json else _text
    print(report(found, params, options))
    return 0


def build_parser() -> argparse.ArgumentParser:
    parser = commands.parser("compare", __doc__)
    parser.add_argument("old", metavar="REV", help="a Git revision or DVC experiment")
    parser.add_argument(
        "new",
        metavar="REV2",
        nargs="?",
        default=revisions.WORKSPACE,
        help="another one to compare it with; default: %(default)s",
    )
    parser.add_argument(
        "--groups",
        type=commands.whole_number(0),
        default=5,
        metavar="N",
        help="show the N most changed groups of each column and network; default: %(default)s",
    )
    parser.add_argument(
        "--resamples",
        type=commands.whole_number(1),
        default=2000,
        metavar="N",
        help="bootstrap samples of the test images; default: %(default)s",
    )
    parser.add_argument(
        "--seed",
        type=commands.whole_number(0),
        default=0,
        metavar="N",
        help="seed of the bootstrap; default: %(default)s",
    )
    parser.add_argument("--json", action="store_true", help="print JSON, with all groups")
    return parser


def flat(nested: dict, prefix: str = "") -> dict:
    """Joins nested keys by dots; an empty section stays a value."""
    joined: dict = {}
    for key, value in nested.items():
        name = f"{prefix}{key}"
        nested_further = isinstance(value, dict) and value
        joined |= flat(value, f"{name}.") if nested_further else {name: value}
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
        "groups": _records(found.groups),
        "params": {key: {"old": old, "new": new} for key, (old, new) in params.items()},
    }
    return json.dumps(content, indent=2, allow_nan=False, default=str)


def _records(table: pd.DataFrame) -> list[dict]:
    # None for NaN: pandas accepts it, pandas-stubs do not.
    known = table.astype(object).where(table.notna(), None)  # type: ignore[call-overload]
    return known.to_dict("records")


def _text(found: Comparison, params: dict, options: argparse.Namespace) -> str:
    lines = [f"REV   {options.old}", f"REV2  {options.new}"]
    lines += [f"note: {note}" for note in found.notes]
    lines += ["", *_table(found.scores, "score"), f"  * the {LEVEL:.0%} interval leaves out 0"]
    for column, groups in found.groups.groupby("column", sort=False):
        changed = groups[groups["difference"].abs() > 0]
        shown = changed.groupby("network", sort=False).head(options.groups)
        if len(shown):
            by_chance = f"about {(1 - LEVEL) * len(groups):.0f} leave out 0 by chance alone"
            lines += ["", f"{column}: the largest changes of mean IoU", *_table(shown, "group")]
            lines.append(f"  of {len(groups)} such intervals, {by_chance}")
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
        mark = "*" if row["low"] > 0 or row["high"] < 0 else ""
        lines.append(
            f"{row['network']:{widths[0]}}  {row[label]:{widths[1]}}  {row['images']:6d}  "
            f"{_number(row['old'], '6.4f')}  {_number(row['new'], '6.4f')}  "
            f"{_number(row['difference'], '+10.4f')}  "
            f"[{_number(row['low'], '+.4f')}, {_number(row['high'], '+.4f')}] {mark}".rstrip()
        )
    return lines


def _number(value: float, form: str) -> str:
    """Formats a number; NaN is a dash of equal width."""
    return f"{value:{form}}" if value == value else f"{'–':>{len(f'{0:{form}}')}}"


if __name__ == "__main__":
    main()
