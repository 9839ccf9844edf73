"""Every stage on a tiny generated set: what it writes is true, and what dvc.yaml says of it.

By dvc.yaml no cached result is ever stale, and none is thrown away in vain.
"""

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from petseg import params, paths, yaml12
from petseg.data import records
from petseg.evaluation import original_size, scores, tables
from stages import evaluate
from tests.helpers import ROOT
from tests.helpers.stage_imports import imported_files
from tests.helpers.tiny import STAGES

DVC = yaml12.read(ROOT / "dvc.yaml")["stages"]
KEYS = {
    *("pixel_accuracy", "mean_iou", "mean_dice", "pet_iou_dataset", "pet_iou_per_image"),
    *("iou", "dice", "parameters", "images"),
}


def test_stages_are_the_six():
    assert tuple(DVC) == STAGES
    assert all(DVC[stage]["cmd"] == f"python -m stages.{stage}" for stage in STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_exactly_the_files_that_the_script_imports(stage):
    declared = {dep for dep in DVC[stage]["deps"] if dep.endswith(".py")}
    assert declared == imported_files(ROOT / "stages" / f"{stage}.py", ROOT)


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_exactly_the_keys_that_the_stage_reads(stage, tiny_run):
    declared = {key for name in DVC[stage]["params"] for key in _leaves(name)}
    assert declared == tiny_run.asked[stage]


@pytest.mark.parametrize("stage", STAGES)
def test_outs_are_exactly_what_the_stage_writes(stage, tiny_run):
    assert not [out for out in _outs(stage) if not (tiny_run.folder / out).exists()]


def test_every_file_of_the_run_is_an_out(tiny_run):
    outs = {out for stage in STAGES for out in _outs(stage)}
    expected = ("params.yaml", *(f"{out}/" for out in outs), *outs)
    assert not [name for name in tiny_run.written if not name.startswith(expected)]


def test_each_dep_on_data_is_an_out_of_an_earlier_stage_or_inside_one():
    so_far: list[str] = []
    for stage in STAGES:
        data = [dep for dep in DVC[stage]["deps"] if not dep.endswith(".py")]
        assert all(any(f"{dep}/".startswith(f"{out}/") for out in so_far) for dep in data)
        so_far += _outs(stage)


def test_what_shows_photographs_is_cached_and_what_is_compared_lies_in_git():
    photographs = {paths.SAMPLES_FIGURE, paths.PREDICTIONS_FIGURE, paths.HARDEST_FIGURE}
    for stage in STAGES:
        for out in _declared(stage):
            name = out if isinstance(out, str) else next(iter(out))
            in_git = isinstance(out, dict) and out[name]["cache"] is False
            compared = name.startswith(("metrics/", "plots/"))
            assert in_git == (compared and name not in map(str, photographs)), name


@pytest.mark.parametrize("stage", STAGES)
def test_no_out_keeps_a_stage_from_the_run_cache(stage):
    assert all(isinstance(out, str) for out in DVC[stage]["outs"])


def test_provenance_tells_sources_counts_and_checksums(tiny_run):
    provenance = json.loads((tiny_run.folder / paths.PROVENANCE).read_text())
    dataset = provenance["dataset"]
    assert dataset["source"] == "drawn with seed 1"
    assert dataset["examples"] == {"train": 74, "test": 6}
    assert all(len(checksum) == 64 for checksum in dataset["files_sha256"].values())
    assert provenance["encoder"]["weights"] == "none"


def test_records_are_whole_and_of_the_size_asked_for(tiny_run):
    manifest = records.verify(tiny_run.folder / paths.RECORDS)
    counts = {split: entry["examples"] for split, entry in manifest["splits"].items()}
    assert counts == {"train": 37, "validation": 37, "test": 6}
    assert manifest["image_size"] == 32


@pytest.mark.parametrize("network", paths.NETWORKS)
def test_learning_curve_has_a_row_an_epoch(tiny_run, network):
    curve = pd.read_csv(tiny_run.folder / paths.learning_curve(network))
    assert list(curve["epoch"]) == [1]
    assert {"loss", "val_loss", "mean_iou", "val_mean_iou", "learning_rate"} < set(curve.columns)


@pytest.mark.parametrize("name", [*paths.NETWORKS, "baseline"])
def test_metrics_cover_the_whole_test_split(tiny_run, name):
    content = json.loads((tiny_run.folder / paths.metrics(name)).read_text())
    assert content.keys() - {"cross_entropy", "at_original_size"} == KEYS
    assert ("cross_entropy" in content) == (name != "baseline")
    assert ("at_original_size" in content) == (name != "baseline")
    assert content["images"] == 6
    assert content["iou"].keys() == content["dice"].keys() == {"pet", "background", "border"}


@pytest.mark.parametrize("network", paths.NETWORKS)
def test_tables_and_metrics_derive_from_the_same_matrices(tiny_run, network):
    table = pd.read_csv(tiny_run.folder / paths.PER_IMAGE).query("network == @network")
    matrices = tables.matrices(table)
    assert matrices.sum() == 6 * 32 * 32
    content = json.loads((tiny_run.folder / paths.metrics(network)).read_text())
    assert content["mean_iou"] == pytest.approx(scores.mean_iou(matrices.sum(axis=0)))
    confusion = pd.read_csv(tiny_run.folder / paths.CONFUSION[network])
    np.testing.assert_array_equal(tables.confusion_matrix(confusion), matrices.sum(axis=0))
    breeds = pd.read_csv(tiny_run.folder / paths.PER_BREED).query("network == @network")
    assert breeds["images"].sum() == 6


@pytest.mark.parametrize(
    "figure",
    [value for name, value in vars(paths).items() if name.endswith("_FIGURE")],
    ids=lambda path: path.stem,
)
def test_figures_are_drawn(tiny_run, figure):
    with Image.open(tiny_run.folder / figure) as picture:
        assert picture.format == "PNG"
        assert min(picture.size) > 200
        assert len(picture.convert("RGB").getcolors(1 << 24)) > 20


def test_no_score_is_made_up_where_no_photograph_is_larger(tiny_run, monkeypatch, capsys):
    labels = records.labels(tiny_run.folder / paths.RECORDS, "test")
    monkeypatch.chdir(tiny_run.folder)
    assert evaluate.masks_of_other_sizes(labels, 32)
    monkeypatch.setattr(original_size, "any_differs", lambda masks, image_size: image_size != 32)
    capsys.readouterr()
    assert evaluate.masks_of_other_sizes(labels, 32) is None
    assert capsys.readouterr().out.startswith("no scores at original size: every photograph")


def _outs(stage: str) -> list[str]:
    return [out if isinstance(out, str) else next(iter(out)) for out in _declared(stage)]


def _declared(stage: str) -> list:
    return [out for kind in ("outs", "metrics", "plots") for out in DVC[stage].get(kind, [])]


def _leaves(name: str) -> set[str]:
    """The full names of all values at or below a key of params.yaml."""
    value = params.load(ROOT / "params.yaml")
    for part in name.split("."):
        value = getattr(value, part)
    if not dataclasses.is_dataclass(value):
        return {name}
    return {leaf for field in dataclasses.fields(value) for leaf in _leaves(f"{name}.{field.name}")}
