"""`petseg report` shows images only with --with-images."""

import re
import shutil
from functools import partial
from pathlib import Path

import pandas as pd
import pytest

from petseg.app import report
from petseg.core import paths
from petseg.core.files import read_json, write_json
from tests.helpers.commands import exit_code

run = partial(exit_code, report.main)


@pytest.fixture
def project(tiny_run, tmp_path, monkeypatch) -> Path:
    """Results of a pipeline run."""
    for name in ("metrics", "plots", "data/run_reports", "data/records", "models"):
        shutil.copytree(tiny_run.folder / name, tmp_path / name)
    shutil.copy(tiny_run.folder / paths.PER_IMAGE, tmp_path / paths.PER_IMAGE)
    shutil.copy(tiny_run.folder / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_page_is_self_contained_and_shows_no_image(project):
    assert run() == 0
    text = Path("report.html").read_text(encoding="utf-8")
    scores = read_json(paths.metrics("unet"))
    for value in (scores["mean_iou"], scores["iou"]["pet"], scores["calibration"]["temperature"]):
        assert f"{value:.4f}" in text
    for word in ("train_unet.epochs", "boundary iou", "Learning curves", "Calibration", "evaluate"):
        assert word in text
    assert "Hardest images" not in text and "Predictions" not in text
    assert len(re.findall(r'src="data:image/png;base64,', text)) == text.count("<img") == 5
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", text)


def test_with_images_shows_images_and_ranks_them(project):
    assert run("--with-images", "--out", "with.html") == 0
    text = Path("with.html").read_text(encoding="utf-8")
    assert "Hardest images" in text and "Best images" in text and text.count("<img") == 9
    table = pd.read_csv(paths.PER_IMAGE).query("network == 'unet'").sort_values("mean_iou")
    rows = re.search("<td>best</td>.*?</table>", text).group()
    named = re.findall(r"<tr><td>(\w+)</td><td>[\d.]+</td><td>(\w+)</td>", rows)
    assert [worst for _, worst in named] == list(table["name"])
    assert {named[0][0], named[0][1]} == {table["name"].iloc[-1], table["name"].iloc[0]}


def test_undefined_score_is_a_dash_and_names_are_escaped(project):
    scores = read_json(paths.metrics("unet"))
    scores["iou"]["<pet>"] = scores["iou"].pop("pet")
    write_json(paths.metrics("unet"), scores | {"mean_dice": None})
    assert run() == 0
    text = Path("report.html").read_text(encoding="utf-8")
    assert "IoU of &lt;pet&gt;" in text and "<td>mean dice</td><td>-</td>" in text


def test_missing_metrics_file_is_reported(project):
    paths.metrics("shallow").unlink()
    assert "metrics/shallow.json is missing or damaged; run: dvc repro" in run()
    assert not Path("report.html").exists()
