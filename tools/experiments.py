"""Writes the tables of docs/experiments.md between their marks: all runs, and the ablation.

Reads the results of committed runs from the repository's history.
"""

import argparse
import io
import json
import subprocess

import ablation
import marked
import pandas as pd
from marked import END, markdown
from readme_results import NETWORKS
from workspace import ROOT, committed_dataset

from petseg.app.compare import flat
from petseg.core import yaml12

PAGE = ROOT / "docs" / "experiments.md"
MARK = "<!-- {}: tools/experiments.py -->\n"
REGION = committed_dataset().default_region
RENAMED = {
    "averaging": "ema_decay",
    "enlarge": "encoder_upscale",
    "undistorted_epochs": "final_epochs_without_geometry",
}
"""Keys of params.yaml in earlier commits -> their current names."""


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    results = ablation.read_results()
    parts = {f"{network}_runs": runs(network) for network in NETWORKS}
    for name, rows in ablation.read_tables().items():
        parts[name] = ablations(rows, results)
    for name, text in parts.items():
        marked.replace(PAGE, MARK.format(name), END, text)


def runs(network: str) -> str:
    """Returns a network's committed runs, oldest first: changed parameters and scores."""
    metrics = f"metrics/{network}.json"
    lines, before = [], {}
    for commit in git("log", "--reverse", "--format=%h", "--", metrics).split():
        file = f"{commit}:params.yaml"
        section = flat(yaml12.parse(git("show", file).encode(), file)[f"train_{network}"])
        section = {RENAMED.get(key, key): value for key, value in section.items()}
        changed = [f"`{k}: {v}`" for k, v in section.items() if before and before.get(k) != v]
        curve = pd.read_csv(
            io.StringIO(git("show", f"{commit}:plots/learning_curve_{network}.csv"))
        )
        found = json.loads(git("show", f"{commit}:{metrics}"))
        region = found["regions"][REGION]["iou_dataset"] if "regions" in found else None
        region = region or found[f"{REGION}_iou_dataset"]  # the key in earlier commits
        scored = curve["val_mean_iou"].max(), found["mean_iou"], region
        cells = (f"{value:.4f}" for value in scored)
        masks = "published" if "at_records_size" in found else "records"
        parameters = f"{found['parameters']:,}"
        lines.append((f"`{commit}`", ", ".join(changed), parameters, len(curve), *cells, masks))
        before = section
    titles = ("commit", "changed", "parameters", "epochs", "mean IoU, validation")
    return markdown((*titles, "mean IoU, test", f"{REGION} IoU, test", "on masks"), lines)


def ablations(rows: dict[str, ablation.Row], results: pd.DataFrame) -> str:
    """Returns all rows that were run: means over seeds, and differences from the first row.

    Differences are between runs with the same seed.
    """
    first, *_ = rows
    kept, lines = set(results.index.get_level_values("row")), []
    base = results.loc[first]["val_mean_iou"] if first in kept else pd.Series(dtype=float)
    for name in (name for name in rows if name in kept):
        found = results.loc[name]
        difference = (found["val_mean_iou"] - base).dropna()
        compared = name != first and not rows[name].tested
        cells = (
            spread(found["val_mean_iou"], "{:.4f}"),
            spread(difference, "{:+.4f}") if compared else "",
            found["epochs"].max(),
            minutes(found["seconds"]),
            *(
                spread(found[score].dropna(), "{:.4f}")
                for score in ("test_mean_iou", "test_region_iou")
            ),
        )
        lines.append((f"`{name}`", rows[name].description, *cells))
    titles = ("row", "changed", "mean IoU, validation", "difference", "epochs", "minutes")
    return markdown((*titles, "mean IoU, test", f"{REGION} IoU, test"), lines)


def minutes(seconds: pd.Series) -> str:
    """Returns the mean in minutes, or an empty text if no run was timed."""
    return f"{seconds.mean() / 60:.0f}" if seconds.notna().any() else ""


def spread(values: pd.Series, form: str) -> str:
    """Returns the mean, with the range if there are several values; an empty text for none."""
    if values.empty:
        return ""
    mean, *ends = (form.format(v) for v in (values.mean(), values.min(), values.max()))
    return f"{mean} ({' to '.join(ends)})" if len(values) > 1 else mean


def git(*arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


if __name__ == "__main__":
    main()
