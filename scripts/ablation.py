"""Trains the U-Net with one change at a time, each a DVC experiment, and keeps what came of it.

    python scripts/ablation.py                 # all of docs/ablation/rows.yaml not kept yet
    python scripts/ablation.py SOME ROWS       # these, kept or not
    python scripts/ablation.py ROW --seed 43   # another seed, which also draws another split

A row that changes params.yaml is scored on the validation split alone; one that is a whole file of
parameters also on the test split. Results go to docs/ablation/results.csv, from which
scripts/results.py makes the table in docs/results.md. DVC keeps each as ablation-ROW-SEED.
"""

import argparse
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import dvc.api
import pandas as pd
from workspace import ROOT, merged

from petseg import paths, yaml12
from petseg.compare import changed_params

FOLDER = ROOT / "docs" / "ablation"
ROWS, RESULTS = FOLDER / "rows.yaml", FOLDER / "results.csv"
KEY = ["row", "seed"]


class Row(NamedTuple):
    """One configuration: what it changes in params.yaml, by dotted keys."""

    changes: dict
    told: str
    """What is special about it, in Markdown."""
    tested: bool
    """Whether the test split is looked at."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="*", metavar="ROW", help="default: all not kept yet")
    parser.add_argument("--seed", type=int, default=42, help="default: 42")
    wanted = parser.parse_args()
    listed = read_rows()
    if unknown := sorted(set(wanted.rows) - set(listed)):
        sys.exit(f"error: {ROWS} has no {', '.join(unknown)}; there are: {', '.join(listed)}")
    kept = read_results().index
    for name in wanted.rows or [n for n in listed if (n, wanted.seed) not in kept]:
        keep(name, wanted.seed, run(name, listed[name], wanted.seed))


def read_rows() -> dict[str, Row]:
    """Every row by its name, the first one first."""
    content = yaml12.read(ROWS)
    return {row["name"]: _row(row, content["short"]) for row in content["rows"]}


def read_results() -> pd.DataFrame:
    """What each row came to, by its name and seed."""
    if not RESULTS.exists():
        return pd.DataFrame(index=pd.MultiIndex.from_arrays([[], []], names=KEY))
    return pd.read_csv(RESULTS).set_index(KEY)


def keep(name: str, seed: int, found: dict) -> None:
    """Adds a result to those in the file, or puts it in the place of an older one."""
    results = read_results().to_dict("index")
    results[name, seed] = found
    table = pd.DataFrame.from_dict(results, orient="index").rename_axis(KEY)
    table.to_csv(RESULTS, float_format="%.5g")


def command(experiment: str, changes: dict, stage: str) -> list[str]:
    """What runs the pipeline as far as `stage`, as an experiment apart from the workspace."""
    settings = [part for k, v in changes.items() for part in ("-S", f"{k}={json.dumps(v)}")]
    return ["dvc", "exp", "run", "--temp", "--name", experiment, *settings, stage]


def run(name: str, row: Row, seed: int) -> dict:
    """Trains a row: its epochs, the seconds they took, and its scores."""
    experiment = f"ablation-{name.replace('_', '-')}-{seed}"
    subprocess.run(["dvc", "exp", "remove", "--quiet", experiment], cwd=ROOT, capture_output=True)
    stage = "evaluate" if row.tested else "train_unet"
    if subprocess.run(
        command(experiment, row.changes | {"seed": seed}, stage), cwd=ROOT
    ).returncode:
        sys.exit(f"error: the experiment {experiment} failed; what it said stands above")

    def read(path: Path) -> str:
        return dvc.api.read(path.as_posix(), repo=str(ROOT), rev=experiment)

    curve = pd.read_csv(io.StringIO(read(paths.learning_curve("unet"))))
    epochs = json.loads(read(paths.cost("train_unet")))["epochs"]
    test = json.loads(read(paths.metrics("unet"))) if row.tested else {}
    return {
        "epochs": len(curve),
        "seconds": sum(epoch["seconds"] for epoch in epochs),
        "val_mean_iou": curve["val_mean_iou"].max(),
        "test_mean_iou": test.get("mean_iou"),
        "test_pet_iou": test.get("pet_iou_dataset"),
    }


def _row(row: dict, short: dict) -> Row:
    if "file" not in row:
        changes = row.get("set", {})
        told = ", ".join(f"`{key}: {value}`" for key, value in changes.items())
        return Row(short | changes, told, tested=False)
    here = yaml12.read(ROOT / "params.yaml")
    there = merged(here, yaml12.read(ROOT / row["file"]))
    changes = {key: value for key, (_, value) in changed_params(here, there).items()}
    return Row(changes, f"[{row['file']}](../{row['file']})", tested=True)


if __name__ == "__main__":
    main()
