"""Writes the README's results between their marks: the scores in metrics/, and the tutorial's.

Scores are for the published masks, except for one column at the records' size.
"""

import argparse

import ablation
import marked
from workspace import ROOT, committed_dataset

from petseg.core import paths
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.files import read_json
from petseg.figures.palette import NETWORK_STYLES

README = ROOT / "README.md"
BEGIN, END = "<!-- results: tools/readme_results.py -->\n", "<!-- end of results -->"
NETWORKS = {network: style.name for network, style in NETWORK_STYLES.items()}
TUTORIAL = "U-Net by the [tutorial's recipe](params/tutorial.yaml)"
BASELINE = "Baseline, sees no image"


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    marked.replace(README, BEGIN, END, table())


def columns(spec: DatasetSpec) -> dict[str, str]:
    """Returns the shown keys of the metrics files, and their formats."""
    shown = {"parameters": "{:,}", "pixel_accuracy": "{:.4f}", "mean_iou": "{:.4f}"}
    shown |= {f"iou.{name}": "{:.3f}" for name in spec.class_names}
    for region in spec.regions:
        shown |= dict.fromkeys(
            (f"regions.{region}.iou_dataset", f"regions.{region}.iou_per_image"), "{:.3f}"
        )
    return shown | {"at_records_size.mean_iou": "{:.4f}"}


def table() -> str:
    """Returns the results as Markdown: a row for each predictor, then the difference."""
    shown = columns(committed_dataset())
    rows = {title: _read(network) for network, title in NETWORKS.items()}
    rows |= {TUTORIAL: read_json(ablation.metrics_file("tutorial")), BASELINE: _read("baseline")}
    lines = [
        (title, *(form.format(_value(scores, key)) for key, form in shown.items()))
        for title, scores in rows.items()
    ]
    difference = _difference(_read("comparison")["unet_minus_shallow"])
    return marked.markdown(("", *(f"`{key}`" for key in shown)), lines) + "\n" + difference


def _difference(found: dict) -> str:
    return (
        f"U-Net minus Shallow, mean IoU: **{found['mean_iou']:+.4f}**, 95 % interval "
        f"{found['low']:+.4f} to {found['high']:+.4f} (paired bootstrap over the test images).\n"
    )


def _read(name: str) -> dict:
    return read_json(ROOT / paths.metrics(name))


def _value(scores: dict, key: str):
    for part in key.split("."):
        scores = scores[part]
    return scores


if __name__ == "__main__":
    main()
