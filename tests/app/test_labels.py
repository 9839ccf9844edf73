"""`petseg labels` ranks wrong masks first and leaves out accepted names."""

import csv
import re
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from petseg import records
from petseg.app import labels, leave_out
from petseg.core import paths, yaml12
from petseg.core.dataset_spec import VOID
from petseg.evaluation import folds, label_quality
from petseg.sources import acquisition
from petseg.sources.raw import open_raw
from tests.helpers import ROOT
from tests.helpers.changed_params import changed
from tests.helpers.commands import exit_code
from tests.helpers.dataset_files import shipped
from tests.helpers.records import random_example, write_records, write_squares

pytest.importorskip("cleanlab")


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / paths.DATASETS, paths.DATASETS)
    values = {"image_size": 32, "dataset.name": "generated_pets", "train_shallow.batch_size": 4}
    paths.PARAMS.write_text(yaml12.dump(changed(values)), encoding="utf-8")
    return tmp_path


run = partial(exit_code, labels.main)


def damage() -> set[str]:
    """Swaps pet and background in three training masks; returns their names."""
    splits = {
        split: list(records.read(paths.RECORDS, split)) for split in ("train", "validation", "test")
    }
    wrong = {example.name for example in splits["train"][:9:3]}
    splits["train"] = [
        one._replace(mask=np.array([1, 0, 2], np.uint8)[one.mask]) if one.name in wrong else one
        for one in splits["train"]
    ]
    write_records(paths.RECORDS, splits, image_size=(32, 32), shard_examples=10)
    return wrong


@pytest.mark.slow
def test_wrong_masks_come_first_on_a_self_contained_page(project, capsys):
    Path("data").mkdir()
    write_squares(paths.RECORDS)
    wrong = damage()
    options = ("--network", "shallow", "--folds", 2, "--epochs", 20, "--worst", 5)
    assert run(*options) == 0
    with open("label_review/ranking.csv", encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 30 and {row["name"] for row in rows[:3]} == wrong
    qualities = [float(row["label_quality"]) for row in rows]
    assert qualities == sorted(qualities) and 0 <= qualities[0] < qualities[-1] <= 1
    page = Path("label_review/index.html").read_text(encoding="utf-8")
    assert re.findall(r'value="(\w+)"', page) == [row["name"] for row in rows[:5]]
    assert page.count("<img") == page.count("data:image/jpeg;base64,") == 20
    assert "30 images are ranked" in capsys.readouterr().out


def test_accepted_names_are_added_and_comments_are_kept(project, capsys):
    dataset = shipped("generated_pets", train=6, test=2, side=32, seed=1)
    acquisition.bring(dataset, paths.RAW_DATASET)
    path = paths.dataset_file("generated_pets")
    before = path.read_text(encoding="utf-8")
    chosen = [key.name for key in open_raw(paths.RAW_DATASET).keys("train")][:2]
    Path("wrong.csv").write_text(
        "name,label_quality\n" + "".join(f"{n},0.1\n" for n in chosen), encoding="utf-8"
    )
    assert run("--accept", "wrong.csv") == 0
    after = path.read_text(encoding="utf-8")
    assert after.startswith(before) and yaml12.parse(after.encode(), "")["leave_out"] == chosen
    assert "2 names were added to leave_out" in capsys.readouterr().out
    assert run("--accept", "wrong.csv") == 0
    assert path.read_text(encoding="utf-8") == after
    Path("wrong.csv").write_text('"Nessie_1"\n', encoding="utf-8")
    assert "no image to train or validate with is called Nessie_1" in run("--accept", "wrong.csv")
    assert "nowhere.csv cannot be read: No such file" in run("--accept", "nowhere.csv")


def test_names_are_appended_once_to_leave_out(tmp_path):
    path = tmp_path / "dataset.yaml"
    shutil.copy(ROOT / paths.dataset_file("oxford_iiit_pet"), path)
    before = path.read_text(encoding="utf-8").splitlines()
    assert leave_out.add(path, ["keeshond_140", "x: y", "007", "x: y"]) == ["x: y", "007"]
    after = path.read_text(encoding="utf-8").splitlines()
    assert [line for line in after if line in before] == before
    assert yaml12.read(path)["leave_out"][-2:] == ["x: y", "007"]


def test_each_example_is_held_out_once_whatever_the_order(tmp_path):
    names = [f"image {number}" for number in range(11)]
    splits = {"train": names[:7], "validation": names[7:], "test": ["other"]}
    examples = {s: [random_example(n, (8, 8)) for n in found] for s, found in splits.items()}
    write_records(tmp_path / "records", examples, image_size=(8, 8))
    fold_of = folds.assign(folds.names(tmp_path / "records"), 3, seed=1)
    assert fold_of == folds.assign(names[::-1], 3, seed=1) != folds.assign(names, 3, seed=2)
    assert sorted(np.bincount(list(fold_of.values()))) == [3, 4, 4]
    held_out = []
    for fold in range(3):
        folder = tmp_path / f"fold {fold}"
        folds.write_fold(tmp_path / "records", folder, fold_of, fold)
        parts = [set(records.index(folder, split)["name"]) for split in folds.SPLITS]
        assert parts[0] | parts[1] == set(names) and not parts[0] & parts[1]
        assert {fold_of[name] for name in parts[1]} == {fold}
        held_out += parts[1]
        records.verify(folder, folds.SPLITS)
        assert all(
            np.array_equal(one.image, random_example(one.name, (8, 8)).image)
            for one in records.read(folder, "validation")
        )
    assert sorted(held_out) == sorted(names)


def test_label_quality_is_low_where_the_mask_differs():
    logits = 10 * np.eye(3, dtype=np.float32)[np.zeros((3, 8, 8), int)]
    masks = np.zeros((3, 8, 8), np.uint8)
    masks[1, :4] = 1
    masks[2, :4] = VOID
    images, pixels = label_quality.scores(logits, masks)
    assert images[0] > 0.99 and images[2] > 0.99 and images[1] < 0.1
    assert pixels[1, :4].max() < 0.01 and pixels[1, 4:].min() > 0.99 and pixels[2].min() > 0.99


def test_missing_cleanlab_is_reported_with_its_extra(project, monkeypatch):
    monkeypatch.setattr(label_quality.importlib.util, "find_spec", lambda name: None)
    assert "pip install 'petseg[labels]'" in run()
