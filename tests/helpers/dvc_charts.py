"""Temporary DVC projects with the charts of the pipeline, and what `dvc plots` shows there."""

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
from vega import VEGA_LITE

from petseg.core import paths, yaml12
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.files import write_csv
from petseg.evaluation import tables
from petseg.evaluation.result import Counter, Result
from petseg.records import SPLITS
from tests.helpers import ROOT
from tests.helpers.projects import new_project, run
from tests.helpers.specs import PETS

BREEDS = {"Abyssinian": "cat", "Maine_Coon": "cat", "american_pit_bull_terrier": "dog"}


def plots_sections() -> dict:
    """Returns the content of dvc.yaml; of the stages, only commands and plots."""
    content = yaml12.read(ROOT / "dvc.yaml")
    stages = {
        name: {key: stage[key] for key in ("cmd", "plots")}
        for name, stage in content["stages"].items()
        if "plots" in stage
    }
    return {"stages": stages, "plots": content["plots"]}


def plotted_outs() -> dict[str, dict]:
    """Returns the display properties of each file in the plots of the stages."""
    entries = [entry for stage in plots_sections()["stages"].values() for entry in stage["plots"]]
    return {
        name: properties
        for entry in entries
        for name, properties in (entry if isinstance(entry, dict) else {entry: {}}).items()
    }


def chart_project(folder: Path) -> None:
    """Makes a project with the charts and templates of this one, without results."""
    new_project(folder)
    shutil.copytree(ROOT / ".dvc" / "plots", folder / ".dvc" / "plots")
    (folder / "dvc.yaml").write_text(yaml12.dump(plots_sections()), encoding="utf-8")


def write_results(folder: Path, seed: int, spec: DatasetSpec = PETS) -> pd.DataFrame:
    """Writes random results where the stages write theirs; returns the scores by group."""
    rng = np.random.default_rng(seed)
    for epochs, network in enumerate(paths.NETWORKS, start=4):
        steps = np.arange(1, epochs + 1)
        curve = {"epoch": steps, "learning_rate": np.full(epochs, 0.001)}
        for prefix in ("", "val_"):
            for name in ("loss", "pixel_accuracy", "mean_iou"):
                curve[prefix + name] = rng.random(epochs)
        write_csv(folder / paths.learning_curve(network), pd.DataFrame(curve))
    found = matrices(rng, spec=spec)
    for network, matrix in found.items():
        counter = Counter(spec)
        counter.add(matrix)
        write_csv(folder / paths.CONFUSION[network], tables.confusion(counter.counted(), spec))
    write_dataset_tables(folder, rng, spec)
    for path in paths.CALIBRATION.values():
        bins = (np.arange(1, 16) / 15, rng.random(15), rng.integers(1, 99, 15))
        columns = {
            f"{name}{end}": values
            for end in ("", "_at_temperature")
            for name, values in zip(("confidence", "accuracy", "pixels"), bins, strict=True)
        }
        write_csv(folder / path, pd.DataFrame(columns))
    per_group = tables.per_group(per_image(found, spec))
    write_csv(folder / paths.PER_GROUP, per_group)
    for name in pictures(per_group):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(folder / name)
    return per_group


def write_dataset_tables(folder: Path, rng: np.random.Generator, spec: DatasetSpec) -> None:
    """Writes the tables that `preprocess` writes about a dataset."""
    for name in ("aspect_ratio", "brightness"):
        middles = [f"{middle:.2f}" for middle in np.linspace(0.25, 4, 20)]
        table = pd.DataFrame({name: middles, "images": rng.integers(0, 99, 20)})
        plural = "s" * (name == "aspect_ratio")
        write_csv(folder / paths.DATASET_TABLES / f"{name}{plural}.csv", table)
    rows = [(s, c, rng.random(), rng.random()) for s in SPLITS for c in spec.class_names]
    classes = pd.DataFrame(rows, columns=["split", "class", "pixels", "images"])
    write_csv(folder / paths.DATASET_TABLES / "classes.csv", classes)


def pictures(per_group: pd.DataFrame) -> list[str]:
    """Returns the images among the plots in page order; one of them only if there are groups."""
    scores = [paths.COMPARISON_FIGURE, *[paths.PER_GROUP_FIGURE] * bool(len(per_group))]
    shown = {path.as_posix(): None for path in scores}
    outs = {name: None for name in plotted_outs() if not name.endswith(".csv")}
    folder = paths.SCORES_FIGURES.as_posix()
    return [found for name in outs for found in (shown if name == folder else [name])]


def matrices(
    rng: np.random.Generator, images: int = 4, spec: DatasetSpec = PETS
) -> dict[str, np.ndarray]:
    """Makes random confusion matrices for each network, int64 (N, C, C), `images` per breed."""
    shape = (images * len(BREEDS), len(spec.classes), len(spec.classes))
    return {network: rng.integers(1, 1000, shape) for network in paths.NETWORKS}


def per_image(found: dict[str, np.ndarray], spec: DatasetSpec = PETS) -> pd.DataFrame:
    """Returns the table that `evaluate` writes for the results of `matrices`."""
    images = len(next(iter(found.values()))) // len(BREEDS)
    groups = pd.DataFrame(
        [(f"{breed}_{i}", breed, kind) for breed, kind in BREEDS.items() for i in range(images)],
        columns=["name", "breed", "species"],
    )
    index = groups.rename(columns=dict(zip(groups.columns[1:], spec.groups, strict=False)))
    parts = []
    for network, matrix in found.items():
        counter = Counter(spec)
        counter.add(matrix)
        counted = counter.counted()
        result = Result(counted, counted, counted.counts, cross_entropy=np.ones(len(matrix)))
        parts.append(tables.per_image(network, index, result, spec))
    return pd.concat(parts)


def shown(folder: Path, *command: str) -> dict[str, list[dict]]:
    """Runs `dvc plots show` or `diff`; returns its charts and images by name, in page order."""
    found = json.loads(run(folder, "dvc", "plots", *command, "--json", "--out", "dvc_plots"))
    assert "errors" not in found
    return found["data"]


def picture(specification: dict) -> np.ndarray:
    """Renders a chart as pixels, float32 (H, W, 3) in 0..1."""
    png = vl_convert.vegalite_to_png(specification, vl_version=VEGA_LITE)
    return imread(io.BytesIO(png), format="png")[..., :3]


def drawing(specification: dict) -> str:
    """Renders a chart as SVG."""
    return vl_convert.vegalite_to_svg(specification, vl_version=VEGA_LITE)


def words(svg: str) -> list[str]:
    """Returns all texts in an SVG: titles, labels of axes and legends, numbers in cells."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def confusion_texts(folder: Path, network: str) -> list[str]:
    """Returns the numbers that the cells of a confusion matrix must show."""
    table = pd.read_csv(folder / paths.CONFUSION[network])
    assert list(table["truth"].unique()) == list(PETS.class_names)
    return [f"{share:.1%}" for share in table["share"]]
