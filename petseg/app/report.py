"""Writes an HTML page about the last `dvc repro`: scores, curves, calibration, time, parameters.

    petseg report                        # writes report.html, a self-contained file
    petseg report --with-images          # also shows predictions and samples of the dataset

Without --with-images, the page has no image of the dataset, so you may share it freely.
"""

import argparse
import html
import itertools
import subprocess
import tempfile
from collections.abc import Iterable
from pathlib import Path
from string import Template
from typing import Any

import pandas as pd

from petseg.app import commands
from petseg.app.compare import flat
from petseg.core import paths, yaml12
from petseg.core.errors import PetsegError
from petseg.core.files import read_json, write_text
from petseg.core.html_page import data_url, table

TEMPLATE = Path(__file__).with_name("report.html")
FIGURES = {
    "Networks": paths.COMPARISON_FIGURE,
    "Learning curves": paths.LEARNING_CURVES_FIGURE,
    "Confusion": paths.CONFUSION_FIGURE,
    "Calibration": paths.CALIBRATION_FIGURE,
    "Groups": paths.PER_GROUP_FIGURE,
}
IMAGES = {
    "Predictions": paths.PREDICTIONS_FIGURE,
    "Hardest images": paths.HARDEST_FIGURE,
    "Samples and their augmentation": paths.SAMPLES_FIGURE,
}
"""Figures that show images of the dataset."""

STAGES = ("download", "preprocess", *(f"train_{name}" for name in paths.NETWORKS), "evaluate")
ABSENT = "-"
NAMED, DRAWN = 10, 6
"""How many best and worst images to list, and best ones to draw."""


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, build_parser(), arguments)


def build_parser() -> argparse.ArgumentParser:
    parser = commands.parser("report", __doc__)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("report.html"),
        metavar="FILE",
        help="the output file; default: %(default)s",
    )
    parser.add_argument(
        "--with-images", action="store_true", help="also show images of the dataset"
    )
    return parser


def _main(options: argparse.Namespace) -> int:
    write_text(options.out, page(options.with_images))
    print(f"{options.out} is written")
    return 0


def page(with_images: bool = False) -> str:
    """Returns the HTML; raises PetsegError without scores."""
    metrics = {name: _read(paths.metrics(name)) for name in (*paths.NETWORKS, "baseline")}
    params = yaml12.read(paths.PARAMS)
    figures = FIGURES | (IMAGES if with_images else {})
    ranked = _ranked()
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        dataset=html.escape(str(params["dataset"]["name"])),
        commit=html.escape(_commit()),
        scores=table(("", *metrics), _scores(metrics, _read(paths.COMPARISON))),
        calibration="".join(_calibrated(metrics)),
        figures="".join(
            _figure(title, path.read_bytes()) for title, path in figures.items() if path.exists()
        ),
        best=_figure("Best images", _drawn(ranked.tail(DRAWN).iloc[::-1])) if with_images else "",
        named=table(("best", "mean IoU", "worst", "mean IoU"), _named(ranked)),
        costs=table(("stage", "minutes", "peak memory, MiB", "images/s"), _costs()),
        parameters=table(("", ""), [(key, value) for key, value in flat(params).items()]),
    )


def _scores(metrics: dict[str, dict], comparison: dict) -> list[tuple]:
    """Returns a row per score, with a cell per predictor."""
    first = [
        _shown(found["mean_iou"]) + _interval(comparison.get(name))
        for name, found in metrics.items()
    ]
    known = next(iter(metrics.values()))
    rows = [("mean IoU, with its 95 % interval", *first)]
    rows += [(f"IoU of {name}", *_of(metrics, "iou", name)) for name in known["iou"]]
    for region, scores in known["regions"].items():
        rows += [
            (f"region {region}: {score.replace('_', ' ')}", *_of(metrics, "regions", region, score))
            for score in scores
        ]
    for key in ("mean_boundary_iou", "mean_dice", "pixel_accuracy"):
        rows.append((key.replace("_", " "), *_of(metrics, key)))
    calibrated = ("expected_error", "temperature", "expected_error_at_temperature")
    rows += [
        (f"calibration: {key.replace('_', ' ')}", *_of(metrics, "calibration", key))
        for key in calibrated
    ]
    parameters = (f"{found['parameters']:,}" for found in metrics.values())
    return [*rows, ("parameters", *parameters)]


def _interval(found: dict | None) -> str:
    return f" ({found['low']:.4f} to {found['high']:.4f})" if found else ""


def _of(metrics: dict[str, dict], *keys: str) -> Iterable[str]:
    for found in metrics.values():
        value: Any = found
        for key in keys:
            value = (value or {}).get(key)
        yield _shown(value)


def _shown(value: float | None) -> str:
    return ABSENT if value is None else f"{value:.4f}"


def _calibrated(metrics: dict[str, dict]) -> Iterable[str]:
    for name in paths.NETWORKS:
        if found := metrics[name].get("calibration"):
            yield (
                f"<p>{name}: <code>petseg predict --probabilities --temperature "
                f"{found['temperature']:.3f}</code> writes probabilities that were calibrated on "
                "the validation split.</p>"
            )


def _ranked() -> pd.DataFrame:
    """Returns images' name and mean IoU (first network), the worst first."""
    try:
        images = pd.read_csv(paths.PER_IMAGE, dtype={"name": str}, keep_default_na=False)
    except OSError:
        raise PetsegError(
            f"{paths.PER_IMAGE} is missing; run: dvc checkout, or dvc repro"
        ) from None
    of_first = images[images["network"] == paths.NETWORKS[0]]
    scored = of_first.assign(mean_iou=pd.to_numeric(of_first["mean_iou"]))
    return scored[["name", "mean_iou"]].reset_index(drop=True).sort_values("mean_iou")


def _named(ranked: pd.DataFrame) -> list[tuple]:
    known = ranked[ranked["mean_iou"].notna()]
    pairs = zip(known.iloc[::-1].itertuples(), known.itertuples(), strict=True)
    return [
        (best.name, f"{best.mean_iou:.4f}", worst.name, f"{worst.mean_iou:.4f}")
        for best, worst in itertools.islice(pairs, NAMED)
    ]


def _drawn(rows: pd.DataFrame) -> bytes:
    """Returns a PNG of images, masks and predictions."""
    from petseg import records
    from petseg.evaluation import inference
    from petseg.figures import pictures

    spec = records.spec(paths.RECORDS)
    images, masks = records.on_disk(paths.RECORDS, "test").fetch(rows.index.to_numpy())
    name = paths.NETWORKS[0]
    run = inference.runner(inference.load_trained(name, paths.model(name), spec))
    predicted = {name: run(images).argmax(axis=-1)}
    scores = {name: rows["mean_iou"].to_numpy()}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "best.png")
        pictures.predictions(
            images, masks, predicted, scores, list(rows["name"]), spec, path, "Best images"
        )
        return path.read_bytes()


def _costs() -> Iterable[tuple]:
    for stage in STAGES:
        path = paths.run_report(stage)
        if not path.exists():
            continue
        report = read_json(path)
        rates = [epoch["images_per_second"] for epoch in report.get("epochs", ())]
        memory = report["peak_memory_mib"]
        yield (
            stage,
            f"{report['seconds'] / 60:.1f}",
            ABSENT if memory is None else f"{memory:,.0f}",
            f"{sum(rates) / len(rates):.1f}" if rates else ABSENT,
        )


def _figure(title: str, picture: bytes) -> str:
    return f'<h2>{title}</h2><img src="{data_url(picture)}" alt="{title}">\n'


def _commit() -> str:
    """Returns the commit, marked if files differ; "" without Git."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f"commit {found.stdout.strip()}"


def _read(path: Path) -> dict:
    try:
        return read_json(path)
    except (OSError, ValueError):
        raise PetsegError(f"{path} is missing or damaged; run: dvc repro") from None


if __name__ == "__main__":
    main()
