"""`petseg compare`: in a small DVC project with two commits and an experiment."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest

from petseg.app import compare
from petseg.core import paths
from petseg.evaluation import tables
from petseg.metrics import scores
from tests.helpers import dvc_charts, projects

OLD_PARAMS = """
seed: 1
rate: 1e-05
train_unet: {epochs: 5, loss: {dice: 0.5}, scale: [0.5, 1]}
old: 1
"""
NEW_PARAMS = """
seed: 1
rate: 0.00001
train_unet: {epochs: 9, loss: {dice: 0.5}, scale: [0.7, 1]}
new: true
"""


def before() -> pd.DataFrame:
    return dvc_charts.per_image(np.random.default_rng(0))


def after() -> pd.DataFrame:
    """The U-Net takes every second of its background pixels in pets back, all else stays."""
    table = before()
    saved = table["pet_as_background"].where(table["network"] == "unet", 0) // 2
    table["pet_as_background"] -= saved
    table["pet_as_pet"] += saved
    return table


def record(folder, table: pd.DataFrame, params: str) -> None:
    """Has DVC take a table, and leaves both where a commit finds them."""
    (folder / paths.PARAMS).write_text(params, encoding="utf-8")
    path = folder / paths.PER_IMAGE
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    table.to_csv(path, index=False)
    projects.run(folder, "dvc", "add", "--quiet", paths.PER_IMAGE.as_posix())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Tags `empty`, `old` and `new`, and the experiment `bold`, which has the tables of `new`."""
    folder = tmp_path_factory.mktemp("project")
    dvc_charts.new_project(folder)
    projects.commit(folder, "empty")
    projects.run(folder, "git", "tag", "empty")
    record(folder, before(), OLD_PARAMS)
    projects.commit(folder, "old")
    projects.run(folder, "git", "tag", "old")
    record(folder, after(), NEW_PARAMS)
    projects.run(folder, "dvc", "exp", "save", "--quiet", "--name", "bold")
    projects.commit(folder, "new")
    projects.run(folder, "git", "tag", "new")
    return folder


@pytest.fixture
def project(made, monkeypatch):
    monkeypatch.chdir(made)
    return made


@pytest.fixture
def copy(made, tmp_path, monkeypatch):
    """A project that a test may break."""
    folder = tmp_path / "copy"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    return folder


def text_of(capsys, *arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        compare.main(["--resamples", "100", *arguments])
    assert end.value.code == 0
    return capsys.readouterr().out


def json_of(capsys, *arguments: str) -> dict:
    return json.loads(text_of(capsys, "--json", *arguments))


def error_of(*arguments: str) -> str:
    """The message, with which Python exits with code 1."""
    with pytest.raises(SystemExit) as caught:
        compare.main(list(arguments))
    assert isinstance(caught.value.code, str)
    return caught.value.code


@pytest.mark.parametrize("revision", ["new", "bold", "HEAD"])
def test_scores(project, capsys, revision):
    found = json_of(capsys, "old", revision)
    for network in paths.NETWORKS:
        old, new = (
            scores.summary(tables.matrices(table[table["network"] == network]))
            for table in (before(), after())
        )
        rows = {row["score"]: row for row in found["scores"] if row["network"] == network}
        assert list(rows) == [
            "mean_iou", "iou.pet", "iou.background", "iou.border", "pet_iou_dataset"
        ]  # fmt: skip
        for score, row in rows.items():
            head, _, label = score.partition(".")
            expected = [part[head][label] if label else part[head] for part in (old, new)]
            assert [row["old"], row["new"]] == pytest.approx(expected)
            assert row["difference"] == pytest.approx(expected[1] - expected[0])
            assert row["low"] <= row["difference"] <= row["high"]
            assert row["images"] == 12
        if network == "unet":
            assert rows["iou.pet"]["low"] > 0
            assert rows["pet_iou_dataset"]["low"] > 0
        else:
            assert all(row["low"] == row["high"] == 0 for row in rows.values())
    assert found["notes"] == []


def test_breeds(project, capsys):
    found = json_of(capsys, "old", "new")["breeds"]
    assert len(found) == len(paths.NETWORKS) * len(dvc_charts.BREEDS)
    first = [row for row in found if row["network"] == "unet"]
    sizes = [abs(row["difference"]) for row in first]
    assert sizes == sorted(sizes, reverse=True)
    table = after()
    for row in first:
        rows = table[(table["network"] == "unet") & (table["breed"] == row["breed"])]
        assert row["images"] == len(rows) == 4
        assert row["new"] == pytest.approx(scores.pet_iou(tables.matrices(rows).sum(axis=0)))


def test_parameters(project, capsys):
    assert json_of(capsys, "old", "new")["params"] == {
        "train_unet.epochs": {"old": 5, "new": 9},
        "train_unet.scale": {"old": [0.5, 1], "new": [0.7, 1]},
        "old": {"old": 1, "new": "(absent)"},
        "new": {"old": "(absent)", "new": True},
    }
    assert "  train_unet.epochs: 5 -> 9\n" in text_of(capsys, "old", "new")


def test_text(project, capsys):
    text = text_of(capsys, "old", "--breeds", "2")
    assert text.startswith("REV   old\nREV2  workspace\n")
    (line,) = [line for line in text.splitlines() if line.startswith("unet     mean_iou")]
    assert line.endswith("] *")
    assert sum(line.startswith("unet     ") for line in text.splitlines()) == 5 + 2
    assert text == text_of(capsys, "old", "--breeds", "2"), "not repeatable"
    assert text != text_of(capsys, "old", "--breeds", "2", "--seed", "1")


def test_nothing_changed(project, capsys):
    text = text_of(capsys, "new", "bold")
    assert "+0.0000  [+0.0000, +0.0000]\n" in text
    assert "] *" not in text
    assert "Breeds" not in text
    assert "Parameters: the same" in text


def test_from_a_folder_inside(project, capsys, monkeypatch):
    monkeypatch.chdir(project / "data")
    assert json_of(capsys, "old")["params"]


@pytest.mark.parametrize("arguments", [["--subdir"], []], ids=["dvc below", "dvc at the top"])
def test_a_project_in_a_folder_of_a_repository(tmp_path, monkeypatch, capsys, arguments):
    project = tmp_path / "apps" / "pets"
    project.mkdir(parents=True)
    projects.run(tmp_path, "git", "init", "--quiet", "--initial-branch=main")
    where = project if arguments else tmp_path
    projects.run(where, "dvc", "init", "--quiet", *arguments)
    for table, params in ((before(), OLD_PARAMS), (after(), NEW_PARAMS)):
        record(project, table, params)
        projects.commit(tmp_path, "a run")
    for folder in (project, project / "data"):
        monkeypatch.chdir(folder)
        for revisions in (["HEAD~1"], ["HEAD~1", "HEAD"]):
            found = json_of(capsys, *revisions)
            assert found["params"]["train_unet.epochs"] == {"old": 5, "new": 9}
            assert any(row["difference"] for row in found["scores"])


def test_the_workspace_is_read_as_it_lies(copy, capsys):
    table = before().sample(frac=1, random_state=0)
    (copy / paths.PER_IMAGE).unlink()
    table.to_csv(copy / paths.PER_IMAGE, index=False)
    found = json_of(capsys, "old")
    assert all(row["low"] == row["high"] == 0 for row in found["scores"]), "matched by name"


def test_different_images_and_networks(copy, capsys):
    table = after()
    table = table[~table["name"].isin(["Maine_Coon_0", "Maine_Coon_1"])]
    table.loc[table["name"] == "Abyssinian_0", "border_as_border"] += 1
    table.loc[table["network"] == "shallow", "network"] = "deep"
    (copy / paths.PER_IMAGE).unlink()
    table.to_csv(copy / paths.PER_IMAGE, index=False)
    found = json_of(capsys, "old")
    assert {row["network"] for row in found["scores"]} == {"unet"}
    assert {row["images"] for row in found["scores"]} == {10}
    notes = "\n".join(found["notes"])
    for part in ("network deep", "network shallow", "12 in REV, 10 in REV2", "1 images have other"):
        assert part in notes
    assert "note: the test images differ" in text_of(capsys, "old")


def test_unknown_revision(project):
    assert error_of("nonsense") == "error: no Git revision or DVC experiment is called 'nonsense'"


def test_not_run_yet(project):
    message = error_of("empty")
    assert message.startswith("error: empty has no data/per_image.csv")
    assert "git checkout empty && dvc repro" in message
    assert "dvc pull" not in message


def test_not_in_the_cache(copy):
    shutil.rmtree(copy / ".dvc" / "cache")
    message = error_of("old")
    assert "neither its cache nor a remote" in message
    for way in ("dvc pull data/per_image.csv", "dvc repro", "dvc exp apply old"):
        assert way in message
    (copy / paths.PER_IMAGE).unlink()
    assert "\n  dvc pull data/per_image.csv\n" in error_of("workspace")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "cannot be read"),
        ("network,name,breed\n", "no column background_as_background"),
        (before().iloc[[0, 0]].to_csv(index=False), "duplicated"),
        (before().assign(name="other").drop_duplicates("network").to_csv(index=False), "common"),
    ],
)
def test_broken_tables(copy, content, reason):
    (copy / paths.PER_IMAGE).unlink()
    (copy / paths.PER_IMAGE).write_text(content, encoding="utf-8")
    assert reason in error_of("old")


def test_broken_parameters(copy):
    (copy / paths.PARAMS).write_text("a: [", encoding="utf-8")
    assert "params.yaml of workspace cannot be read" in error_of("old")


@pytest.mark.parametrize("option", [["--resamples", "0"], ["--seed", "-1"], ["--breeds", "x"]])
def test_options_out_of_range(option, capsys):
    with pytest.raises(SystemExit) as caught:
        compare.main(["old", *option])
    assert caught.value.code == 2
    assert option[0] in capsys.readouterr().err


def test_help(capsys):
    with pytest.raises(SystemExit) as caught:
        compare.main(["--help"])
    assert caught.value.code == 0
    assert "petseg compare HEAD~1" in capsys.readouterr().out
