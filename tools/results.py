"""Writes the tables of docs/results.md between their marks, from the outputs of `dvc repro`.

    python tools/results.py --subset sharp.txt

Needs data/per_image.csv, from `dvc repro` or `dvc pull`. Scores are for the published masks. The
table of subsets is only updated with `--subset FILE`, as in `evaluate.subsets`.
tools/experiments.py writes docs/experiments.md.
"""

import argparse
import itertools

import ablation
import marked
import numpy as np
import pandas as pd
from marked import END, markdown
from readme_results import NETWORKS
from workspace import ROOT, committed_dataset

from petseg.core import params, paths
from petseg.core.files import read_json
from petseg.evaluation import tables
from petseg.evaluation.subsets import read_subsets
from petseg.metrics import bootstrap, scores

PAGE = ROOT / "docs" / "results.md"
MARK = "<!-- {}: tools/results.py -->\n"
SPEC = committed_dataset()
REGION = SPEC.default_region
CLASSES = len(SPEC.classes)
SCORES = ("mean IoU", *SPEC.class_names, f"{REGION} IoU", "pixel accuracy")
SIZES = 5
"""Number of equally large groups of images, by the size of the region."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--subset", action="append", default=[], metavar="FILE")
    files = parser.parse_args().subset
    per_image = pd.read_csv(ROOT / paths.PER_IMAGE)
    parts = {
        "test": test(per_image),
        "last_group": grouped(per_image, per_image[f"{tables.GROUP}{SPEC.groups[-1]}"]),
        "sizes": grouped(per_image, size_group(per_image)),
        "groups": groups(pd.read_csv(ROOT / paths.PER_GROUP)),
        "concentration": concentration(per_image),
        "wrong": wrong(pd.read_csv(ROOT / paths.CONFUSION["unet"])),
    }
    if files:
        parts["subsets"] = subsets(per_image, files)
    for name, text in parts.items():
        marked.replace(PAGE, MARK.format(name), END, text)


def test(per_image: pd.DataFrame) -> str:
    """Returns every score of both networks, and of the difference, with its interval."""
    found = intervals(per_image).values()
    lines = [(score, *(interval(part, score) for part in found)) for score in SCORES]
    in_records = intervals(tables.at_records_size(per_image)).values()
    cells = (interval(part, SCORES[0]) for part in in_records)
    lines.append(("mean IoU at the records' size", *cells))
    of_networks = [read_json(paths.metrics(network)) for network in NETWORKS]
    pairs = {
        "mean boundary IoU": [found["mean_boundary_iou"] for found in of_networks],
        f"{REGION} boundary IoU": [
            found["regions"][REGION]["boundary_iou"] for found in of_networks
        ],
    }
    calibrated = [found["calibration"] for found in of_networks]
    pairs["expected calibration error"] = [found["expected_error"] for found in calibrated]
    pairs["at the temperature of validation"] = [
        found["expected_error_at_temperature"] for found in calibrated
    ]
    for score, (deep, flat) in pairs.items():
        lines.append((score, *(f"{value:.4f}" for value in (deep, flat, deep - flat))))
    return markdown(("", *NETWORKS.values(), "difference"), lines)


def subsets(per_image: pd.DataFrame, files: list[str]) -> str:
    """Returns the scores of all images, of those listed in each file, and of the others.

    Includes the tutorial's recipe for comparison.
    """
    names = per_image.loc[per_image["network"] == "unet", "name"]
    parts = {"all": np.ones(len(names), bool)}
    for subset, members in read_subsets(files, names).items():
        parts |= {subset: members, f"not {subset}": ~members}
    tutorial, lines = read_json(ablation.metrics_file("tutorial")), []
    for part, members in parts.items():
        for network, title in NETWORKS.items():
            rows = per_image[per_image["network"] == network][members]
            summary = scores.summary(tables.all_counts(rows), SPEC)
            lines.append((title, part, f"{summary['images']:,}", *_cells(summary)))
        found = tutorial if part == "all" else tutorial["subsets"].get(part)
        if found:
            cells = _cells(found)
            lines.append(("Tutorial's recipe", part, f"{found['images']:,}", *cells))
    titles = ("", "part", "images", "mean IoU", *SPEC.class_names, f"{REGION} IoU", "of an image")
    return markdown(titles, lines)


def _cells(summary: dict) -> list[str]:
    of_region = summary["regions"][REGION]
    of_region = of_region["iou_dataset"], of_region["iou_per_image"]
    values = (summary["mean_iou"], *summary["iou"].values(), *of_region)
    return [f"{value:.4f}" for value in values]


def wrong(confusion: pd.DataFrame) -> str:
    """Returns the U-Net's confusions between classes, the most frequent first."""
    off = confusion[confusion["truth"] != confusion["prediction"]]
    off = off.sort_values("pixels", ascending=False)
    lines = [
        (
            f"{row.truth} taken for {row.prediction}",
            f"{row.pixels / off['pixels'].sum():.1%}",
            f"{row.pixels / confusion['pixels'].sum():.2%}",
        )
        for row in off.itertuples()
    ]
    return markdown(("", "of all wrong pixels", "of all pixels"), lines)


def grouped(per_image: pd.DataFrame, groups: pd.Series) -> str:
    """Returns both networks' mean IoU and region IoU in each group of images."""
    shown, lines = (SCORES[0], f"{REGION} IoU"), []
    for name, group in per_image.groupby(groups, observed=True):
        found, images = intervals(group), f"{len(group) // len(NETWORKS):,}"
        cells = (interval(found[network], s) for s in shown for network in NETWORKS)
        lines.append((name, images, *cells))
    titles = [f"{n}, {s}" for s in shown for n in NETWORKS.values()]
    return markdown(("", "images", *titles), lines)


def size_group(per_image: pd.DataFrame) -> pd.Series:
    """Returns, for each row, its fifth by the share of the image that the region covers."""
    region, classes = tables.counts(per_image, tables.REGION)[:, 0], tables.counts(per_image)
    share = pd.Series(region[:, 0] / classes[:, :, 0].sum(-1), index=per_image.index)
    of_images = share[per_image["network"] == "unet"]
    edges = np.quantile(of_images, np.linspace(0, 1, SIZES + 1))
    names = [f"{a:.0%} to {b:.0%}" for a, b in itertools.pairwise(edges)]
    number = np.clip(np.searchsorted(edges, share, side="right") - 1, 0, SIZES - 1)
    return pd.Series(pd.Categorical.from_codes(number, names, ordered=True), per_image.index)


def groups(per_group: pd.DataFrame) -> str:
    """Returns every group of the first group column, the best first."""
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
    """Returns the hardest images' share of the U-Net's wrong pixels, and the others' scores."""
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
    """Returns SCORES with 95 % intervals for each network and their difference."""
    everything = params.load_params(ROOT / "params.yaml")
    counts = {}
    for name in NETWORKS:
        rows = per_image[per_image["network"] == name]
        counts[name] = tables.all_counts(rows)[:, : CLASSES + 1]
    return bootstrap.intervals(
        counts, all_scores, everything.evaluate.bootstrap_resamples, everything.seed
    )


def all_scores(counts: np.ndarray) -> np.ndarray:
    """Returns SCORES from counts of the classes and the region: (..., K, 3) -> (..., S)."""
    classes = counts[..., :CLASSES, :]
    mean, accuracy = scores.mean_iou(classes), scores.pixel_accuracy(classes)
    return np.concatenate([mean[..., None], scores.iou(counts), accuracy[..., None]], axis=-1)


def interval(found: bootstrap.Interval, score: str) -> str:
    estimate, low, high = (values[SCORES.index(score)] for values in found)
    return f"{estimate:.4f} ({low:.4f} to {high:.4f})"


if __name__ == "__main__":
    main()
