"""Five kinds of datasets go through inspect, dataset.yaml and all stages."""

import json
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import pytest
import workspace
from PIL import Image

from petseg import records
from petseg.app import inspect, predict
from petseg.core import dataset_spec, paths, yaml12
from petseg.core.dataset_file import load_dataset
from petseg.evaluation import tables
from petseg.metrics import scores
from tests.helpers import ROOT, datasets
from tests.helpers.commands import exit_code
from tests.helpers.parameter_reads import run_recording
from tests.helpers.tiny import STAGES, TINY

pytestmark = pytest.mark.slow

OBJECTS = ["class_0", "class_1", "class_2", "class_3"]
SMALL = {"batch_size": 1}


class Kind(NamedTuple):
    """A function that writes a dataset, its class names for inspect, its split sizes."""

    make: object
    classes: list[str]
    counts: tuple[int, int, int]


KINDS = {
    "cells": Kind(datasets.cells, ["background", "foreground"], (12, 12, 6)),
    "coloured": Kind(datasets.coloured, OBJECTS, (5, 5, 2)),
    "palette": Kind(datasets.palette, OBJECTS, (5, 5, 2)),
    "three": Kind(datasets.three, ["class_0", "class_1"], (1, 1, 1)),
    "twenty": Kind(datasets.twenty, [f"class_{label}" for label in range(20)], (5, 5, 2)),
}


@pytest.mark.parametrize("name", KINDS)
def test_folder_of_images_and_masks_gives_scores(tmp_path, monkeypatch, capsys, name):
    kind = KINDS[name]
    monkeypatch.chdir(tmp_path)
    kind.make(Path("datasets", name))
    assert exit_code(inspect.main, f"datasets/{name}", "--write", name) == 0
    assert list(load_dataset(name).class_names) == kind.classes
    overlay = {"dataset": {"name": name}, "image_size": [32, 64], "train_unet": SMALL}
    params = yaml12.read(ROOT / paths.PARAMS)
    for changes in (TINY, overlay, {"train_shallow": SMALL}):
        params = workspace.merged(params, changes)
    paths.PARAMS.write_text(yaml12.dump(params), encoding="utf-8")
    monkeypatch.setenv("PETSEG_CACHE_DIR", str(tmp_path / "cache"))
    for stage in STAGES:
        run_recording(stage)

    manifest = records.verify(paths.RECORDS)
    spec = records.spec(paths.RECORDS)
    assert [manifest["splits"][s]["examples"] for s in records.SPLITS] == list(kind.counts)
    assert (manifest["splits"]["train"]["void_pixels"] > 0) == (name == "palette")
    assert "class_weights of border: no such class; not used" in capsys.readouterr().out

    per_image = pd.read_csv(paths.PER_IMAGE)
    assert tables.names(per_image, tables.CLASS) == kind.classes
    for network in paths.NETWORKS:
        assert dataset_spec.of_model(paths.model(network)) == spec
        counts = tables.counts(per_image.query("network == @network")).sum(axis=0)
        content = json.loads(paths.metrics(network).read_text())
        assert content["mean_iou"] == pytest.approx(float(scores.mean_iou(counts)))
        assert list(content["iou"]) == kind.classes and content["images"] == kind.counts[2]
        columns = [f"{tables.AT_RECORDS_SIZE}class.{one}.truth" for one in kind.classes]
        counted = per_image.query("network == @network")[columns].to_numpy().sum()
        assert counted == kind.counts[2] * 32 * 64 - manifest["splits"]["test"]["void_pixels"]
    assert pd.read_csv(paths.PER_GROUP).empty
    figures = sorted(path.name for path in paths.SCORES_FIGURES.iterdir())
    assert figures == ["calibration.png", "comparison.png"]

    image = next(Path("datasets", name, "images").iterdir())
    assert exit_code(predict.main, image) == 0
    predicted = Image.open(f"predictions/{image.stem}_labels.png")
    assert predicted.size == datasets.SIZE[::-1]
    if name == "coloured":
        found = {"#" + pixel.tobytes().hex() for pixel in unique(predicted.convert("RGB"))}
        assert found <= set(datasets.COLOURS)
    else:
        values = {value for one in spec.classes for value in one.value}
        assert set(unique(predicted).ravel().tolist()) <= values


def unique(image: Image.Image) -> np.ndarray:
    """Returns the distinct pixels of an image."""
    pixels = np.asarray(image)
    return np.unique(pixels.reshape(-1, *pixels.shape[2:]), axis=0)
