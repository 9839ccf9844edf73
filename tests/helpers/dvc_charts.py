"""Throw-away DVC projects, and what `dvc plots` shows of the pipeline's charts in one of them."""

import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import vl_convert
from matplotlib.image import imread
from PIL import Image

from petseg.core import paths, yaml12
from petseg.core.classes import CLASS_NAMES, NUM_CLASSES
from petseg.core.files import write_csv
from petseg.evaluation import tables
from tests.helpers import ROOT
from tests.helpers.projects import run

BREEDS = {"Abyssinian": "cat", "Maine_Coon": "cat", "american_pit_bull_terrier": "dog"}
OLDEST = "5.8"
"""The Vega-Lite nearest to the 5.2 which the pages of `dvc plots show` load."""


def new_project(folder: Path) -> None:
    """A Git and DVC project in an empty folder, without a commit."""
    run(folder, "git", "init", "--quiet", "--initial-branch=main")
    run(folder, "dvc", "init", "--quiet")


def plots_sections() -> dict:
    """The project's dvc.yaml, and nothing of its stages but their commands and plots."""
    content = yaml12.read(ROOT / "dvc.yaml")
    stages = {
        name: {key: stage[key] for key in ("cmd", "plots")}
        for name, stage in content["stages"].items()
        if "plots" in stage
    }
    return {"stages": stages, "plots": content["plots"]}


def plotted_outs() -> dict[str, dict]:
    """How each file among the stages' plots is shown."""
    entries = [entry for stage in plots_sections()["stages"].values() for entry in stage["plots"]]
    return {
        name: properties
        for entry in entries
        for name, properties in (entry if isinstance(entry, dict) else {entry: {}}).items()
    }


def chart_project(folder: Path) -> None:
    """A project with this project's charts and templates, and nothing to show yet."""
    new_project(folder)
    shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots")
    (folder / "dvc.yaml").write_text(yaml12.dump(plots_sections()), encoding="utf-8")


def write_results(folder: Path, seed: int) -> pd.DataFrame:
    """Random results where the stages would write them; returns the scores by breed."""
    rng = np.random.default_rng(seed)
    for epochs, network in enumerate(paths.NETWORKS, start=4):
        steps = np.arange(1, epochs + 1)
        curve = {"epoch": steps, "learning_rate": np.full(epochs, 0.001)}
        for prefix in ("", "val_"):
            for name in ("loss", "pixel_accuracy", "mean_iou"):
                curve[prefix + name] = rng.random(epochs)
        write_csv(folder / paths.learning_curve(network), pd.DataFrame(curve))
        matrix = rng.integers(1, 10**6, (NUM_CLASSES, NUM_CLASSES))
        write_csv(folder / paths.CONFUSION[network], tables.confusion(matrix))
    per_breed = tables.per_breed(per_image(rng))
    write_csv(folder / paths.PER_BREED, per_breed)
    for name in plotted_outs():
        if name.endswith(".png"):
            noise = rng.integers(0, 256, (8, 8, 3), np.uint8)
            Image.fromarray(noise).save(folder / name)
    return per_breed


def per_image(rng: np.random.Generator, images: int = 4) -> pd.DataFrame:
    """A table as tables.per_image gives it, of `images` random images for each breed."""
    rows = [
        {"network": network, "name": f"{breed}_{number}", "breed": breed, "species": species}
        for network in paths.NETWORKS
        for breed, species in BREEDS.items()
        for number in range(images)
    ]
    table = pd.DataFrame(rows)
    table[tables.COUNTS] = rng.integers(1, 1000, (len(rows), NUM_CLASSES**2))
    return table


def shown(folder: Path, *command: str) -> dict[str, list[dict]]:
    """What `dvc plots show` or `diff` shows, by its name, in the order of the page."""
    found = json.loads(run(folder, "dvc", "plots", *command, "--json", "--out", "dvc_plots"))
    assert "errors" not in found
    return found["data"]


def specifications(found: dict[str, list[dict]]) -> dict[str, dict]:
    """The Vega-Lite specification of each chart in what `shown` returned."""
    charts = {name: parts for name, parts in found.items() if parts[0]["type"] == "vega"}
    assert all(len(parts) == 1 for parts in charts.values())
    contents = {name: parts[0]["content"] for name, parts in charts.items()}
    return {
        name: json.loads(content) if isinstance(content, str) else content
        for name, content in contents.items()
    }


def picture(specification: dict) -> np.ndarray:
    """A chart as pixels, float32 (H, W, 3) in 0..1."""
    png = vl_convert.vegalite_to_png(specification, vl_version=OLDEST)
    return imread(io.BytesIO(png), format="png")[..., :3]


def drawing(specification: dict) -> str:
    """A chart as SVG."""
    return vl_convert.vegalite_to_svg(specification, vl_version=OLDEST)


def words(svg: str) -> list[str]:
    """All texts in a drawing: titles, labels of axes and legends, numbers in cells."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def confusion_texts(folder: Path, network: str) -> list[str]:
    """The numbers that the cells of a network's confusion matrix must show."""
    table = pd.read_csv(folder / paths.CONFUSION[network])
    assert list(table["truth"].unique()) == list(CLASS_NAMES)
    return [f"{share:.1%}" for share in table["share"]]
