"""Writes the tables of docs/results.md between their marks, from what `dvc repro` left here.

Needs data/per_image.csv, from `dvc repro` or `dvc pull`, and the repository's history.
"""

import argparse
import io
import itertools
import json
import subprocess

import ablation
import marked
import numpy as np
import pandas as pd
from readme_results import NETWORKS
from workspace import ROOT, committed_dataset

from petseg.app.compare import flat
from petseg.core import params, yaml12
from petseg.evaluation import tables
from petseg.metrics import bootstrap, scores

PAGE = ROOT / "docs" / "results.md"
MARK = "<!-- {}: tools/results.py -->\n"
END = "<!-- end -->"
SPEC = committed_dataset()
REGION = SPEC.default_region
CLASSES = len(SPEC.classes)
SCORES = ("mean IoU", *SPEC.class_names, f"{REGION} IoU", "pixel accuracy")
RENAMED = {
    "averaging": "ema_decay",
    "enlarge": "encoder_upscale",
    "undistorted_epochs": "final_epochs_without_geometry",
}
"""Keys of params.yaml in earlier commits -> what they are called now."""
SIZES = 5
"""As many groups of equally many images, from the smallest regions to the largest."""


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    per_image = pd.read_csv(ROOT / "data" / "per_image.csv")
    parts = {
        **{f"{network}_runs": runs(network) for network in NETWORKS},
        "ablation": ablations(ablation.read_rows(), ablation.read_results()),
        "test": test(per_image),
        "last_group": grouped(per_image, per_image[f"{tables.GROUP}{SPEC.groups[-1]}"]),
        "sizes": grouped(per_image, size_group(per_image)),
        "groups": groups(pd.read_csv(ROOT / "plots" / "per_group.csv")),
        "concentration": concentration(per_image),
    }
    for name, text in parts.items():
        marked.replace(PAGE, MARK.format(name), END, text)


def runs(network: str) -> str:
    """A network's committed runs, the first one first: changed parameters and scores."""
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
        region = region or found[f"{REGION}_iou_dataset"]  # as earlier commits have it
        scored = curve["val_mean_iou"].max(), found["mean_iou"], region
        cells = (f"{value:.4f}" for value in scored)
        parameters = f"{found['parameters']:,}"
        lines.append((f"`{commit}`", ", ".join(changed), parameters, len(curve), *cells))
        before = section
    titles = ("commit", "changed", "parameters", "epochs", "mean IoU, validation")
    return markdown((*titles, "mean IoU, test", f"{REGION} IoU, test"), lines)


def ablations(rows: dict[str, ablation.Row], results: pd.DataFrame) -> str:
    """Every row that was run: means over seeds; differences from the first row, seed by seed."""
    first, *_ = rows
    base, lines = results.loc[first]["val_mean_iou"], []
    for name in (name for name in rows if name in results.index.get_level_values("row")):
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
        lines.append((f"`{name}`", rows[name].told, *cells))
    titles = ("row", "changed", "mean IoU, validation", "difference", "epochs", "minutes")
    return markdown((*titles, "mean IoU, test", f"{REGION} IoU, test"), lines)


def minutes(seconds: pd.Series) -> str:
    """Their mean in minutes; nothing where no run was timed."""
    return f"{seconds.mean() / 60:.0f}" if seconds.notna().any() else ""


def spread(values: pd.Series, form: str) -> str:
    """The mean, and the range where there is more than one; nothing for none."""
    if values.empty:
        return ""
    mean, *ends = (form.format(v) for v in (values.mean(), values.min(), values.max()))
    return f"{mean} ({' to '.join(ends)})" if len(values) > 1 else mean


def test(per_image: pd.DataFrame) -> str:
    """Every score of both networks, and of the difference, with its interval."""
    found = intervals(per_image).values()
    lines = [(score, *(interval(part, score) for part in found)) for score in SCORES]
    return markdown(("", *NETWORKS.values(), "difference"), lines)


def grouped(per_image: pd.DataFrame, groups: pd.Series) -> str:
    """Mean IoU and the region's IoU of both networks in each group of images."""
    shown, lines = (SCORES[0], f"{REGION} IoU"), []
    for name, group in per_image.groupby(groups, observed=True):
        found, images = intervals(group), f"{len(group) // len(NETWORKS):,}"
        cells = (interval(found[network], s) for s in shown for network in NETWORKS)
        lines.append((name, images, *cells))
    titles = [f"{n}, {s}" for s in shown for n in NETWORKS.values()]
    return markdown(("", "images", *titles), lines)


def size_group(per_image: pd.DataFrame) -> pd.Series:
    """Of each row, the fifth in which the share of the image that the region covers lies."""
    region, classes = tables.counts(per_image, tables.REGION)[:, 0], tables.counts(per_image)
    share = pd.Series(region[:, 0] / classes[:, :, 0].sum(-1), index=per_image.index)
    of_images = share[per_image["network"] == "unet"]
    edges = np.quantile(of_images, np.linspace(0, 1, SIZES + 1))
    names = [f"{a:.0%} to {b:.0%}" for a, b in itertools.pairwise(edges)]
    number = np.clip(np.searchsorted(edges, share, side="right") - 1, 0, SIZES - 1)
    return pd.Series(pd.Categorical.from_codes(number, names, ordered=True), per_image.index)


def groups(per_group: pd.DataFrame) -> str:
    """Every group of the first column, the best first."""
    first, of_region = SPEC.groups[0], f"{tables.REGION}{REGION}"
    found = per_group[per_group["column"] == first].pivot(
        index=["group", "images"], columns="network", values=["mean_iou", of_region]
    )
    order = found["mean_iou", "unet"].sort_values(ascending=False).index
    shown = {"mean_iou": "mean IoU", of_region: f"{REGION} IoU"}
    columns = [(score, network) for score in shown for network in NETWORKS]
    lines = [
        (group.replace("_", " "), images, *(f"{row[column]:.3f}" for column in columns))
        for (group, images), row in found.loc[order].iterrows()
    ]
    titles = [f"{NETWORKS[network]}, {shown[score]}" for score, network in columns]
    return markdown((first, "images", *titles), lines)


def concentration(per_image: pd.DataFrame) -> str:
    """How much of the U-Net's wrong pixels the hardest images hold, and the score without."""
    unet = per_image[per_image["network"] == "unet"]
    counts, region = tables.counts(unet), tables.counts(unet, tables.REGION)[:, 0]
    wrong = (counts[..., 0] - counts[..., 2]).sum(-1)
    order = np.argsort(-wrong)
    lines = []
    for share in (0, 0.01, 0.05, 0.1, 0.25):
        number = round(share * len(order))
        rest, of_region = (part[order[number:]].sum(0) for part in (counts, region))
        of_wrong = wrong[order[:number]].sum() / wrong.sum()
        cells = f"{scores.mean_iou(rest):.4f}", f"{scores.iou(of_region):.4f}"
        lines.append((f"{share:.0%}", f"{number:,}", f"{of_wrong:.1%}", *cells))
    titles = ("left out", "images", "of all wrong pixels", "mean IoU of the rest", f"{REGION} IoU")
    return markdown(titles, lines)


def intervals(per_image: pd.DataFrame) -> dict:
    """SCORES with 95 % intervals: of each network, and of their difference."""
    everything = params.load_params(ROOT / "params.yaml")
    counts = {}
    for name in NETWORKS:
        rows = per_image[per_image["network"] == name]
        parts = tables.counts(rows), tables.counts(rows, tables.REGION)[:, :1]
        counts[name] = np.concatenate(parts, axis=1)
    return bootstrap.intervals(
        counts, all_scores, everything.evaluate.bootstrap_resamples, everything.seed
    )


def all_scores(counts: np.ndarray) -> np.ndarray:
    """The values of SCORES, from counts of the classes and the region: (..., K, 3) -> (..., S)."""
    classes = counts[..., :CLASSES, :]
    mean, accuracy = scores.mean_iou(classes), scores.pixel_accuracy(classes)
    return np.concatenate([mean[..., None], scores.iou(counts), accuracy[..., None]], axis=-1)


def interval(found: bootstrap.Interval, score: str) -> str:
    estimate, low, high = (values[SCORES.index(score)] for values in found)
    return f"{estimate:.4f} ({low:.4f} to {high:.4f})"


def git(*arguments: str) -> str:
    """What a Git command prints."""
    return subprocess.run(
        ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout


def markdown(titles, lines) -> str:
    rows = [titles, ["---"] * len(titles), *lines]
    return "".join("| " + " | ".join(map(str, cells)) + " |\n" for cells in rows)


if __name__ == "__main__":
    main()
