"""Writes the README's results between their marks: the scores in metrics/, and the tutorial's."""

import argparse
import json

import ablation
import marked
import pandas as pd
from workspace import ROOT, committed_dataset

from petseg.core.dataset_spec import DatasetSpec
from petseg.figures.palette import NETWORK_STYLES

README = ROOT / "README.md"
BEGIN, END = "<!-- results: tools/readme_results.py -->\n", "<!-- end of results -->"
NETWORKS = {network: style.name for network, style in NETWORK_STYLES.items()}
ROWS = NETWORKS | {"baseline": "Baseline, sees no image"}


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    marked.replace(README, BEGIN, END, table())


def columns(spec: DatasetSpec) -> dict[str, str]:
    """The keys of the metrics files that are shown, and how."""
    shown = {"parameters": "{:,}", "pixel_accuracy": "{:.4f}", "mean_iou": "{:.4f}"}
    shown |= {f"iou.{name}": "{:.3f}" for name in spec.class_names}
    for region in spec.regions:
        shown |= dict.fromkeys(
            (f"regions.{region}.iou_dataset", f"regions.{region}.iou_per_image"), "{:.3f}"
        )
    return shown


def table() -> str:
    """The results as Markdown: a row for each predictor, then the difference and the tutorial."""
    shown = columns(committed_dataset())
    lines = ["| " + " | ".join(["", *(f"`{key}`" for key in shown)]) + " |"]
    lines.append("| --- |" + " ---: |" * len(shown))
    for name, title in ROWS.items():
        scores = _read(name)
        cells = [form.format(_value(scores, key)) for key, form in shown.items()]
        lines.append("| " + " | ".join([title, *cells]) + " |")
    lines += ["", _difference(_read("comparison")["unet_minus_shallow"])]
    lines += ["", _tutorial(ablation.read_results().loc["tutorial"].mean())]
    return "\n".join(lines) + "\n"


def _difference(found: dict) -> str:
    return (
        f"U-Net minus Shallow, mean IoU: **{found['mean_iou']:+.4f}**, 95 % interval "
        f"{found['low']:+.4f} to {found['high']:+.4f} (paired bootstrap over the test images)."
    )


def _tutorial(found: pd.Series) -> str:
    region = committed_dataset().default_region
    return (
        "The recipe of TensorFlow's tutorial ([params/tutorial.yaml](params/tutorial.yaml)), "
        f"trained by this pipeline: `mean_iou` {found['test_mean_iou']:.4f}, "
        f"`regions.{region}.iou_dataset` {found['test_region_iou']:.3f}."
    )


def _read(name: str) -> dict:
    return json.loads((ROOT / "metrics" / f"{name}.json").read_text(encoding="utf-8"))


def _value(scores: dict, key: str):
    for part in key.split("."):
        scores = scores[part]
    return scores


if __name__ == "__main__":
    main()
