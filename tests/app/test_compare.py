"""`petseg compare` in a small DVC project."""

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
from tests.helpers.commands import exit_code
from tests.helpers.specs import CELLS, PETS, STREET

PET, BACKGROUND = PETS.labels(["pet", "background"])

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


def matrices() -> dict[str, np.ndarray]:
    return dvc_charts.matrices(np.random.default_rng(0))


def before() -> pd.DataFrame:
    return dvc_charts.per_image(matrices())


def after() -> pd.DataFrame:
    """The U-Net corrects half of the pet pixels that it took for background."""
    found = matrices()
    saved = found["unet"][:, PET, BACKGROUND] // 2
    found["unet"][:, PET, BACKGROUND] -= saved
    found["unet"][:, PET, PET] += saved
    return dvc_charts.per_image(found)


def record(folder, table: pd.DataFrame, params: str) -> None:
    """Writes parameters and a table; adds it to DVC."""
    (folder / paths.PARAMS).write_text(params, encoding="utf-8")
    path = folder / paths.PER_IMAGE
    path.parent.mkdir(exist_ok=True)
    path.unlink(missing_ok=True)
    table.to_csv(path, index=False)
    projects.run(folder, "dvc", "add", "--quiet", paths.PER_IMAGE.as_posix())


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Tags `empty`, `old` and `new`, and an experiment `bold` that equals `new`."""
    folder = tmp_path_factory.mktemp("project")
    projects.new_project(folder)
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
    assert exit_code(compare.main, "--resamples", 100, *arguments) == 0
    return capsys.readouterr().out


def json_of(capsys, *arguments: str) -> dict:
    return json.loads(text_of(capsys, "--json", *arguments))


def error_of(*arguments: str) -> str:
    message = exit_code(compare.main, *arguments)
    assert isinstance(message, str)
    return message


@pytest.mark.parametrize("revision", ["new", "bold", "HEAD"])
def test_scores_and_intervals_match_the_tables(project, capsys, revision):
    found = json_of(capsys, "old", revision)
    for network in paths.NETWORKS:
        old, new = (
            table[table["network"] == network].reset_index() for table in (before(), after())
        )
        rows = {row["score"]: row for row in found["scores"] if row["network"] == network}
        assert list(rows) == [
            "mean_iou", "iou.pet", "iou.background", "iou.border", "regions.pet.iou_dataset"
        ]  # fmt: skip
        expected = [flat_scores(table) for table in (old, new)]
        for score, row in rows.items():
            first, second = (part[score] for part in expected)
            assert [row["old"], row["new"]] == pytest.approx([first, second])
            assert row["difference"] == pytest.approx(second - first)
            assert row["low"] <= row["difference"] <= row["high"]
            assert row["images"] == 12
        if network == "unet":
            assert rows["iou.pet"]["low"] > 0
            assert rows["regions.pet.iou_dataset"]["low"] > 0
        else:
            assert all(row["low"] == row["high"] == 0 for row in rows.values())
    assert found["notes"] == []


def flat_scores(table: pd.DataFrame) -> dict:
    """Returns scores with the keys of a metrics file."""
    counts = [tables.counts(table), tables.counts(table, tables.REGION)]
    return compare.flat(scores.summary(np.concatenate(counts, axis=1), PETS))


def test_groups_are_sorted_by_difference(project, capsys):
    found = json_of(capsys, "old", "new")["groups"]
    assert len(found) == len(paths.NETWORKS) * (len(dvc_charts.BREEDS) + 2)
    table = after()
    for column in ("breed", "species"):
        rows = [row for row in found if (row["network"], row["column"]) == ("unet", column)]
        sizes = [abs(row["difference"]) for row in rows]
        assert sizes == sorted(sizes, reverse=True) and all(sizes)
        for row in rows:
            part = table[(table["network"] == "unet") & (table[f"group.{column}"] == row["group"])]
            assert row["images"] == len(part)
            counts = tables.counts(part).sum(axis=0)
            assert row["new"] == pytest.approx(scores.mean_iou(counts))


def test_changed_parameters_are_listed(project, capsys):
    assert json_of(capsys, "old", "new")["params"] == {
        "train_unet.epochs": {"old": 5, "new": 9},
        "train_unet.scale": {"old": [0.5, 1], "new": [0.7, 1]},
        "old": {"old": 1, "new": "(absent)"},
        "new": {"old": "(absent)", "new": True},
    }
    assert "  train_unet.epochs: 5 -> 9\n" in text_of(capsys, "old", "new")


def test_text_output_marks_differences_and_is_repeatable(project, capsys):
    text = text_of(capsys, "old", "--groups", "2")
    assert text.startswith("REV   old\nREV2  workspace\n")
    (line,) = [line for line in text.splitlines() if line.startswith("unet     mean_iou")]
    assert line.endswith("] *")
    assert sum(line.startswith("unet     ") for line in text.splitlines()) == 5 + 2 + 2
    assert "\nbreed: the largest changes of mean IoU\n" in text
    assert "\nspecies: the largest changes of mean IoU\n" in text
    assert text == text_of(capsys, "old", "--groups", "2"), "not repeatable"
    assert text != text_of(capsys, "old", "--groups", "2", "--seed", "1")


def test_equal_revisions_have_no_differences(project, capsys):
    text = text_of(capsys, "new", "bold")
    assert "+0.0000  [+0.0000, +0.0000]\n" in text
    assert "] *" not in text
    assert "largest changes" not in text
    assert "Parameters: the same" in text


def test_runs_from_a_subfolder(project, capsys, monkeypatch):
    monkeypatch.chdir(project / "data")
    assert json_of(capsys, "old")["params"]


@pytest.mark.parametrize("dvc_root", ["apps/pets", None], ids=["dvc below", "dvc at the top"])
def test_project_may_be_a_subfolder_of_the_repository(tmp_path, monkeypatch, capsys, dvc_root):
    project = tmp_path / "apps" / "pets"
    project.mkdir(parents=True)
    projects.new_project(tmp_path, dvc_root)
    for table, params in ((before(), OLD_PARAMS), (after(), NEW_PARAMS)):
        record(project, table, params)
        projects.commit(tmp_path, "a run")
    for folder in (project, project / "data"):
        monkeypatch.chdir(folder)
        for revisions in (["HEAD~1"], ["HEAD~1", "HEAD"]):
            found = json_of(capsys, *revisions)
            assert found["params"]["train_unet.epochs"] == {"old": 5, "new": 9}
            assert any(row["difference"] for row in found["scores"])


def test_workspace_reads_current_files(copy, capsys):
    table = before().sample(frac=1, random_state=0)
    (copy / paths.PER_IMAGE).unlink()
    table.to_csv(copy / paths.PER_IMAGE, index=False)
    found = json_of(capsys, "old")
    assert all(row["low"] == row["high"] == 0 for row in found["scores"]), "matched by name"


def test_only_common_images_and_networks_are_compared(copy, capsys):
    table = after()
    table = table[~table["name"].isin(["Maine_Coon_0", "Maine_Coon_1"])]
    table.loc[table["name"] == "Abyssinian_0", "class.border.truth"] += 1
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


def write(copy, table: pd.DataFrame) -> None:
    (copy / paths.PER_IMAGE).unlink()
    table.to_csv(copy / paths.PER_IMAGE, index=False)


def test_different_classes_are_refused(copy):
    found = dvc_charts.matrices(np.random.default_rng(0), spec=CELLS)
    write(copy, dvc_charts.per_image(found, CELLS))
    assert error_of("old") == (
        "error: the two revisions are of different datasets: only REV has background, border, pet; "
        "only REV2 has cell, ground"
    )


@pytest.mark.parametrize("spec", [CELLS, STREET], ids=lambda spec: spec.name)
def test_undefined_scores_of_other_datasets_stay_undefined(spec):
    """No image has the second class."""
    rng = np.random.default_rng(0)
    old, new = (dvc_charts.matrices(rng, spec=spec) for _ in range(2))
    for found in (old, new):
        for part in found.values():
            part[:, 1] = 0
    found = compare.compare(dvc_charts.per_image(old, spec), dvc_charts.per_image(new, spec), 9, 0)
    classes, regions = list(spec.class_names), list(spec.regions)
    keys = ["mean_iou", *(f"iou.{name}" for name in classes)]
    keys += [f"regions.{name}.iou_dataset" for name in regions]
    assert list(found.scores["score"]) == keys * len(paths.NETWORKS)
    undefined = found.scores[found.scores["difference"].isna()]
    expected = [f"iou.{classes[1]}", *["regions.one.iou_dataset"] * (spec is STREET)]
    assert list(undefined["score"]) == expected * len(paths.NETWORKS)
    assert set(found.groups["column"]) == set(spec.groups)
    assert all("nan" not in line for line in compare._table(found.scores, "score"))


def test_names_like_numbers_or_na_stay_text(copy, capsys):
    table = after()
    names = {"Abyssinian_0": "007", "Abyssinian_1": "NA"}
    table["name"] = table["name"].replace(names)
    table["group.breed"] = table["group.breed"].replace({"Maine_Coon": "null"})
    write(copy, table)
    found = json_of(capsys, "old")
    assert {row["images"] for row in found["scores"]} == {10}
    assert {row["group"] for row in found["groups"]} >= {"null"}


def test_regions_and_groups_of_one_revision_are_ignored(copy, capsys):
    table = after().drop(columns="group.species")
    table = table.rename(columns=lambda name: name.replace("region.pet", "region.animal"))
    write(copy, table)
    found = json_of(capsys, "old")
    assert not [row for row in found["scores"] if row["score"].startswith("regions.")]
    assert {row["column"] for row in found["groups"]} == {"breed"}
    for what in ("region animal", "region pet", "group column species"):
        assert f"only one of the revisions has the {what}: it is left out" in found["notes"]


def test_unknown_revision_is_refused(project):
    assert error_of("nonsense") == "error: no Git revision or DVC experiment is called 'nonsense'"


def test_revision_without_results_is_refused(project):
    message = error_of("empty")
    assert message.startswith("error: empty has no data/per_image.csv")
    assert "git checkout empty && dvc repro" in message
    assert "dvc pull" not in message


def test_missing_cache_file_is_reported_with_commands(copy):
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
        ("network,name,breed\n", "no column class.NAME.truth"),
        ("network,name,class.a.truth\n", "no column class.a.predicted, class.a.hits"),
        (before().iloc[[0, 0]].to_csv(index=False), "duplicated"),
        (before().assign(name="other").drop_duplicates("network").to_csv(index=False), "common"),
    ],
)
def test_broken_table_is_refused(copy, content, reason):
    (copy / paths.PER_IMAGE).unlink()
    (copy / paths.PER_IMAGE).write_text(content, encoding="utf-8")
    assert reason in error_of("old")


def test_broken_parameters_are_refused(copy):
    (copy / paths.PARAMS).write_text("a: [", encoding="utf-8")
    assert "params.yaml of workspace cannot be read" in error_of("old")


@pytest.mark.parametrize("option", [["--resamples", "0"], ["--seed", "-1"], ["--groups", "x"]])
def test_option_out_of_range_is_refused(option, capsys):
    assert exit_code(compare.main, "old", *option) == 2
    assert option[0] in capsys.readouterr().err


def test_help_shows_examples(capsys):
    assert exit_code(compare.main, "--help") == 0
    assert "petseg compare HEAD~1" in capsys.readouterr().out
