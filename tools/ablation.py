"""Trains the U-Net with one change at a time, each as a DVC experiment, and stores the results.

    python tools/ablation.py                 # all rows of docs/ablation/rows.yaml without a result
    python tools/ablation.py SOME ROWS       # these rows, with or without a result
    python tools/ablation.py ROW --seed 43   # another seed, which also draws another split

A row that changes params.yaml is scored on the validation split only. A row that is a whole
parameter file is also scored on the test split, on the published masks and on the subsets given by
`--subset`. Results go to docs/ablation/results.csv, from which tools/experiments.py makes the
tables in docs/experiments.md. Scores on the test split also go to docs/ablation/ROW.json. DVC
stores each experiment as ablation-ROW-SEED.
"""

import argparse
import io
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import dvc.api
import pandas as pd
from workspace import ROOT, committed_dataset, merged

from petseg.app.compare import changed_params
from petseg.core import paths, yaml12
from petseg.core.files import write_json

FOLDER = ROOT / "docs" / "ablation"
ROWS, RESULTS = FOLDER / "rows.yaml", FOLDER / "results.csv"
KEY = ["row", "seed"]
EPOCH = re.compile(r"unet: epoch .* (\d+) s$")
"""The line that training prints after each epoch: the run report is no out of the experiment."""


class Row(NamedTuple):
    """One configuration: its changes to params.yaml, by dotted keys."""

    changes: dict
    description: str
    """In Markdown."""
    tested: bool
    """Whether the row is scored on the test split."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="default: all without a result")
    parser.add_argument("--seed", type=int, default=42, help="default: 42")
    parser.add_argument(
        "--subset", action="append", default=[], metavar="FILE", help="as in evaluate.subsets"
    )
    options = parser.parse_args()
    listed = read_rows()
    if unknown := sorted(set(options.rows) - set(listed)):
        sys.exit(f"error: {ROWS} has no {', '.join(unknown)}; its rows are: {', '.join(listed)}")
    kept = read_results().index
    for name in options.rows or [n for n in listed if (n, options.seed) not in kept]:
        keep(name, options.seed, run(name, listed[name], options.seed, options.subset))


def read_rows() -> dict[str, Row]:
    """Returns the rows of all tables by name."""
    return {name: row for table in read_tables().values() for name, row in table.items()}


def read_tables() -> dict[str, dict[str, Row]]:
    """Returns the tables by name, each with its rows; the first row is the reference."""
    return {
        name: {row["name"]: _row(row, table.get("base", {})) for row in table["rows"]}
        for name, table in yaml12.read(ROWS).items()
    }


def metrics_file(row: str) -> Path:
    """Returns the file for a row's scores on the test split, in the format of metrics/unet.json."""
    return FOLDER / f"{row}.json"


def read_results() -> pd.DataFrame:
    """Returns the stored results, indexed by row and seed."""
    if not RESULTS.exists():
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[], []], names=KEY))
    return pd.read_csv(RESULTS).set_index(KEY)


def keep(name: str, seed: int, found: dict) -> None:
    """Adds a result to the file, or replaces the one of the same row and seed."""
    results = read_results().to_dict("index")
    results[name, seed] = found
    table = pd.DataFrame.from_dict(results, orient="index").rename_axis(KEY)
    table.to_csv(RESULTS, float_format="%.5g")


def command(experiment: str, changes: dict, stage: str) -> list[str]:
    """Returns the command that runs the pipeline up to `stage` as a separate experiment."""
    changed = [part for k, v in changes.items() for one in _set(k, v) for part in ("-S", one)]
    return ["dvc", "exp", "run", "--temp", "--name", experiment, *changed, stage]


def _set(key: str, value: object) -> list[str]:
    """Returns parameters for `dvc exp run -S`; `++` adds a key to a section that lacks it."""
    if isinstance(value, dict):
        return [f"++{key}.{name}={json.dumps(one)}" for name, one in value.items()]
    return [f"{key}={json.dumps(value)}"]


def run(name: str, row: Row, seed: int, subsets: Sequence[str] = ()) -> dict:
    """Trains a row; returns its epochs, their seconds, and its scores."""
    experiment = f"ablation-{name.replace('_', '-')}-{seed}"
    subprocess.run(["dvc", "exp", "remove", "--quiet", experiment], cwd=ROOT, capture_output=True)
    stage = "evaluate" if row.tested else "train_unet"
    changes = row.changes | {"seed": seed}
    if row.tested:
        changes["train_shallow.epochs"] = 1  # evaluate needs the network; its score is not used
        changes["evaluate.subsets"] = [str(Path(file).absolute()) for file in subsets]
    seconds = timed(experiment, command(experiment, changes, stage))

    def read(path: Path) -> str:
        return dvc.api.read(path.as_posix(), repo=str(ROOT), rev=experiment)

    curve = pd.read_csv(io.StringIO(read(paths.learning_curve("unet"))))
    test = json.loads(read(paths.metrics("unet"))) if row.tested else {}
    if row.tested:
        write_json(metrics_file(name), test)
    region = committed_dataset().default_region
    return {
        "epochs": len(curve),
        "seconds": seconds,
        "val_mean_iou": curve["val_mean_iou"].max(),
        "test_mean_iou": test.get("mean_iou"),
        "test_region_iou": test.get("regions", {}).get(region, {}).get("iou_dataset"),
    }


def timed(experiment: str, arguments: list[str]) -> int | None:
    """Runs an experiment; returns the seconds of its epochs, or None if DVC had them in its cache.

    Exits with a message if the experiment fails.
    """
    seconds = []
    with subprocess.Popen(arguments, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            print(line, end="", flush=True)
            seconds += map(int, EPOCH.findall(line))
    if process.returncode:
        sys.exit(f"error: the experiment {experiment} failed; see its messages above")
    return sum(seconds) if seconds else None


def _row(row: dict, base: dict) -> Row:
    if "file" not in row:
        changes = row.get("set", {})
        description = ", ".join(f"`{key}: {value}`" for key, value in changes.items())
        return Row(base | changes, description, tested=False)
    here = yaml12.read(ROOT / "params.yaml")
    there = merged(here, yaml12.read(ROOT / row["file"]))
    changes = {key: value for key, (_, value) in changed_params(here, there).items()}
    return Row(changes, f"`{row['file']}`", tested=True)


if __name__ == "__main__":
    main()
