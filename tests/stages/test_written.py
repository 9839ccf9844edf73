"""Runs every stage on a tiny generated dataset and checks the outputs."""

import io
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from petseg import records
from petseg.core import dataset_spec, paths
from petseg.evaluation import tables
from petseg.metrics import scores
from petseg.sources import raw
from tests.helpers.specs import shipped
from tests.helpers.tiny import STAGES

CLASSES = ("pet", "background", "border")
KEYS = {
    *("pixel_accuracy", "mean_iou", "mean_dice", "iou", "dice", "regions"),
    "images",
}


def test_provenance_has_sources_counts_and_checksums(tiny_run):
    provenance = json.loads((tiny_run.folder / paths.PROVENANCE).read_text())
    dataset = provenance["dataset"]
    assert dataset["source"] == "drawn with seed 1"
    assert dataset["examples"] == {"train": 74, "test": 6}
    assert all(len(checksum) == 64 for checksum in dataset["files_sha256"].values())
    assert provenance["encoder"]["weights"] == "none"


def test_records_are_complete_and_have_the_image_size_of_params(tiny_run):
    manifest = records.verify(tiny_run.folder / paths.RECORDS)
    counts = {split: entry["examples"] for split, entry in manifest["splits"].items()}
    assert counts == {"train": 37, "validation": 37, "test": 6}
    assert manifest["image_size"] == [32, 32]


@pytest.mark.parametrize("network", paths.NETWORKS)
def test_records_and_models_contain_the_dataset_s_spec(tiny_run, network):
    """It is from datasets/NAME/dataset.yaml, which no later stage reads."""
    expected = shipped("generated_pets")
    assert records.spec(tiny_run.folder / paths.RECORDS) == expected
    assert dataset_spec.of_model(tiny_run.folder / paths.model(network)) == expected


@pytest.mark.parametrize("network", paths.NETWORKS)
def test_learning_curve_has_a_row_per_epoch(tiny_run, network):
    curve = pd.read_csv(tiny_run.folder / paths.learning_curve(network))
    assert list(curve["epoch"]) == [1]
    assert {"loss", "val_loss", "mean_iou", "val_mean_iou", "learning_rate"} < set(curve.columns)


@pytest.mark.parametrize("name", [*paths.NETWORKS, "baseline"])
def test_metrics_cover_the_whole_test_split(tiny_run, name):
    content = json.loads((tiny_run.folder / paths.metrics(name)).read_text())
    of_networks = {"calibration"} if name != "baseline" else set()
    outlines = {"boundary_iou", "mean_boundary_iou"}
    assert content.keys() == {*KEYS, *outlines, *of_networks, "parameters", "at_records_size"}
    at_records_size = content["at_records_size"]
    assert at_records_size.keys() - {"cross_entropy"} == KEYS
    assert ("cross_entropy" in at_records_size) == (name != "baseline")
    assert content["images"] == 6
    assert tuple(content["iou"]) == tuple(content["dice"]) == CLASSES
    assert content["regions"].keys() == {"pet"}


@pytest.mark.parametrize("network", paths.NETWORKS)
def test_tables_and_metrics_have_the_same_counts(tiny_run, network):
    table = pd.read_csv(tiny_run.folder / paths.PER_IMAGE).query("network == @network")
    at_records_size = [f"{tables.AT_RECORDS_SIZE}class.{name}.truth" for name in CLASSES]
    assert table[at_records_size].to_numpy().sum() == 6 * 32 * 32
    counts = tables.counts(table).sum(axis=0)
    masks = raw.masks(tiny_run.folder / paths.RAW_DATASET, "test", table["name"])
    sides = [Image.open(io.BytesIO(mask)).size for mask in masks]
    assert counts[:, scores.COUNTS.index("truth")].sum() == sum(w * h for w, h in sides)
    content = json.loads((tiny_run.folder / paths.metrics(network)).read_text())
    assert content["mean_iou"] == pytest.approx(scores.mean_iou(counts))
    region = scores.iou(tables.counts(table, tables.REGION).sum(axis=0))
    assert content["regions"]["pet"]["iou_dataset"] == pytest.approx(region[0])
    confusion = pd.read_csv(tiny_run.folder / paths.CONFUSION[network])
    assert list(confusion["truth"].unique()) == list(content["iou"])
    np.testing.assert_array_equal(scores.counts(tables.confusion_matrix(confusion)), counts)
    groups = pd.read_csv(tiny_run.folder / paths.PER_GROUP).query("network == @network")
    assert groups.groupby("column")["images"].sum().to_dict() == {"breed": 6, "species": 6}


@pytest.mark.parametrize(
    "figure",
    [value for name, value in vars(paths).items() if name.endswith("_FIGURE")],
    ids=lambda path: path.stem,
)
def test_every_figure_is_drawn(tiny_run, figure):
    with Image.open(tiny_run.folder / figure) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 200
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 20


@pytest.mark.parametrize("stage", STAGES)
def test_run_report_has_time_and_memory(tiny_run, stage):
    report = json.loads((tiny_run.folder / paths.run_report(stage)).read_text())
    assert report["seconds"] > 0 and report["peak_memory_mib"] > 100
    if stage.startswith("train"):
        assert report["precision"] == "float32" and len(report["epochs"]) == 1


def test_dataset_report_covers_all_images(tiny_run):
    page = (tiny_run.folder / paths.DATASET_REPORT / "index.html").read_text(encoding="utf-8")
    assert "generated_pets" in page and "<img" in page
    classes = pd.read_csv(tiny_run.folder / paths.DATASET_TABLES / "classes.csv")
    assert set(classes["split"]) == set(records.SPLITS) and set(classes["class"]) == set(CLASSES)
    for name in ("aspect_ratios", "brightness"):
        table = pd.read_csv(tiny_run.folder / paths.DATASET_TABLES / f"{name}.csv")
        manifest = records.manifest(tiny_run.folder / paths.RECORDS)
        total = sum(entry["examples"] for entry in manifest["splits"].values())
        assert table["images"].sum() == total
