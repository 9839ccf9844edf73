"""The whole pipeline as a user runs it: DVC runs only the stages that changed."""

import json
import re
import shlex
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import workspace

from petseg.core import paths, yaml12
from tests.helpers.once import made_once
from tests.helpers.pipeline import copied
from tests.helpers.projects import commit, fails, run
from tests.helpers.tiny import SOURCE, STAGES, TINY


def stages_run(output: str) -> list[str]:
    return re.findall(r"Running stage '(\w+)'", output)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture
def project(tiny_run, tmp_path) -> Path:
    """A copy of a finished run with tiny parameters, which a test may change."""
    return copied(tiny_run.folder, tmp_path)


@pytest.fixture
def reproduced(tmp_path_factory, tmp_path) -> Path:
    """A copy of a clone in which DVC ran each stage in its own process, so results repeat exactly.

    In a process that has computed something else before, the last bit of a sum may differ.
    """

    def reproduce(folder: Path) -> None:
        clone = folder / "clone"
        workspace.populate(clone, TINY, SOURCE)
        assert stages_run(run(clone, "dvc", "repro")) == list(STAGES)
        commit(clone, "first run")

    return copied(made_once(tmp_path_factory, "reproduced", reproduce) / "clone", tmp_path)


def set_parameter(project: Path, section: str, key: str, value) -> None:
    parameters = yaml12.read(project / "params.yaml")
    parameters[section][key] = value
    (project / "params.yaml").write_text(yaml12.dump(parameters))


def test_second_run_does_nothing(project):
    output = run(project, "dvc", "repro")
    assert stages_run(output) == []
    assert "up to date" in output


def test_git_tracks_tables_and_metrics_and_no_photograph(project):
    tracked = set(run(project, "git", "ls-files").split("\n"))
    assert {
        "dvc.lock",
        "metrics/unet.json",
        "plots/per_group.csv",
        "plots/confusion.png",
    } <= tracked
    assert not tracked & {"plots/samples.png", "plots/predictions.png", "plots/hardest.png"}
    assert not [name for name in tracked if name.startswith(("data/", "models/"))]


def test_run_reports_are_separate_from_metrics(project):
    report = json.loads((project / paths.run_report("train_unet")).read_text())
    assert report["seconds"] > 0 and report["peak_memory_mib"] > 100
    assert report["precision"] == "float32" and len(report["epochs"]) == 1
    assert "seconds" not in (project / paths.metrics("unet")).read_text()


@pytest.mark.slow
def test_identical_training_leaves_nothing_to_commit(project):
    """The run report changes, but neither DVC nor Git tracks it."""
    model, report = project / paths.model("shallow"), project / paths.run_report("train_shallow")
    before = {path: path.read_bytes() for path in (model, project / "dvc.lock")}
    took, again = report.read_bytes(), ("--force", "--single-item", "--no-run-cache")
    for _ in range(2):
        assert stages_run(run(project, "dvc", "repro", *again, "train_shallow")) == [
            "train_shallow"
        ]
        assert {path: path.read_bytes() for path in before} == before
        assert report.read_bytes() != took
        assert "up to date" in run(project, "dvc", "status")
        assert run(project, "git", "status", "--short") == ""


def test_metrics_show_has_a_line_for_each_predictor(project):
    table = run(project, "dvc", "metrics", "show")
    assert all(f"metrics/{name}.json" in table for name in ("unet", "shallow", "baseline"))


def test_new_colour_of_a_network_only_redraws_figures(project):
    edit(project / "petseg/figures/palette.py", "#56B4E9", "#56B4EA")
    assert stages_run(run(project, "dvc", "repro", "--dry")) == ["visualize"]


def test_change_in_the_folder_of_the_dataset_reruns_download(project):
    """A new colour of a class or a new file; not a change in the folder of another dataset."""
    (project / "datasets" / "oxford_iiit_pet" / "new.png").write_bytes(b"mask")
    assert stages_run(run(project, "dvc", "repro", "--dry")) == []
    mine = project / paths.dataset_file("generated_pets")
    before = mine.read_text(encoding="utf-8")
    edit(mine, "#E69F00", "#E69F01")
    assert stages_run(run(project, "dvc", "repro", "--dry")) == ["download"]
    mine.write_text(before, encoding="utf-8")
    assert stages_run(run(project, "dvc", "repro", "--dry")) == []
    (mine.parent / "new.png").write_bytes(b"mask")
    assert stages_run(run(project, "dvc", "repro", "--dry")) == ["download"]


def test_dataset_is_chosen_by_name_in_params_yaml(project):
    set_parameter(project, "dataset", "name", "oxford_iiit_pet")
    assert stages_run(run(project, "dvc", "repro", "--dry")) == ["download"]
    set_parameter(project, "dataset", "name", "mine")
    said = fails(project, sys.executable, "-m", "stages.download")
    assert said.startswith("error: dataset.name: mine needs a file datasets/mine/dataset.yaml; ")


@pytest.mark.slow
def test_branch_with_one_changed_parameter(reproduced):
    model = reproduced / paths.model("shallow")
    trained = model.read_bytes()
    run(reproduced, "git", "checkout", "--quiet", "-b", "slower")
    set_parameter(reproduced, "train_shallow", "learning_rate", 0.001)
    output = run(reproduced, "dvc", "repro")
    assert stages_run(output) == ["train_shallow", "evaluate", "visualize"]
    commit(reproduced, "a lower learning rate")

    assert "train_shallow.learning_rate" in run(reproduced, "dvc", "params", "diff", "main")
    difference = run(reproduced, "dvc", "metrics", "diff", "main")
    assert "metrics/shallow.json" in difference
    assert "metrics/unet.json" not in difference
    charts = json.loads(run(reproduced, "dvc", "plots", "diff", "main", "--json"))
    assert any("learning_curve_shallow" in json.dumps(chart) for chart in charts["data"].values())
    comparison = run(reproduced, sys.executable, "-m", "petseg", "compare", "main")
    assert "train_shallow.learning_rate" in comparison

    # Back to earlier parameters, by Git and by hand: nothing is trained again.
    run(reproduced, "git", "checkout", "--quiet", "main")
    assert_from_the_run_cache(run(reproduced, "dvc", "repro"))
    assert run(reproduced, "git", "status", "--short") == ""
    assert model.read_bytes() == trained
    set_parameter(reproduced, "train_shallow", "learning_rate", 0.001)
    assert_from_the_run_cache(run(reproduced, "dvc", "repro"))
    assert model.read_bytes() != trained


def assert_from_the_run_cache(output: str) -> None:
    assert stages_run(output) == []
    cached = re.findall(r"Stage '(\w+)' is cached - skipping run", output)
    assert cached == ["train_shallow", "evaluate", "visualize"]


@pytest.mark.parametrize(
    ("section", "key", "value", "message"),
    [
        pytest.param(
            "train_shallow", "learning_rate", 1e30, "the loss has ", marks=pytest.mark.slow
        ),
        (
            "evaluate",
            "batch_size",
            0,
            "evaluate.batch_size: 0 should be greater than or equal to 1",
        ),
    ],
)
def test_failed_stage_names_the_commands_that_restore_its_results(
    project, section, key, value, message
):
    outs = ("models", "metrics", "plots", "data")
    files = [path for out in outs for path in (project / out).rglob("*") if path.is_file()]
    before = {path: path.read_bytes() for path in files}
    set_parameter(project, section, key, value)
    said = fails(project, "dvc", "repro")
    assert message in said and "Traceback" not in said
    lost = {path for path in before if not path.exists()}
    assert project / (paths.model("shallow") if key == "learning_rate" else paths.PER_IMAGE) in lost
    commands = re.findall(r"^  ((?:dvc|git) checkout .*)$", said, re.MULTILINE)
    assert [command.split()[0] for command in commands] == ["dvc", "git"]
    for command in commands:
        run(project, *shlex.split(command))
    assert {path: path.read_bytes() for path in before} == before


def test_wrong_parameters_are_refused_before_dvc_removes_results(project):
    check = (sys.executable, "-m", "petseg", "check")
    assert "no mistake found" in run(project, *check)
    set_parameter(project, "train_unet", "batch_size", 0)
    assert "train_unet.batch_size: 0 should be greater than or equal to 1" in fails(project, *check)
    assert (project / paths.model("unet")).exists()
    (recipe,) = re.findall(r"^repro:.*\n((?:\t.*\n)+)", (project / "Makefile").read_text(), re.M)
    assert [line.strip() for line in recipe.splitlines()][:2] == [
        "petseg check",
        "dvc repro",
    ]


def test_failed_experiment_in_its_own_folder_leaves_the_workspace_alone(project):
    setting = "train_shallow.batch_size=0"
    said = fails(project, "dvc", "exp", "run", "--temp", "-S", setting)
    assert "train_shallow.batch_size: 0 should be greater than or equal to 1" in said
    assert "To restore them" not in said
    assert run(project, "git", "status", "--short") == ""
    assert (project / paths.model("shallow")).exists()


@pytest.mark.slow
def test_preprocessing_again_downloads_nothing(project):
    set_parameter(project, "preprocess", "shard_examples", 16)
    output = run(project, "dvc", "repro", "preprocess")
    assert stages_run(output) == ["preprocess"]
    assert "'download' didn't change" in output


@pytest.mark.slow
def test_experiment_in_the_workspace(project):
    settings = ("-S", "train_shallow.epochs=2", "-S", "train_shallow.learning_rate=0.00001")
    output = run(project, "dvc", "exp", "run", "--name", "longer", *settings)
    assert "learning_rate: 1e-05" in (project / "params.yaml").read_text()
    assert stages_run(output) == ["train_shallow", "evaluate", "visualize"]
    curve = (project / paths.learning_curve("shallow")).read_text().splitlines()
    assert len(curve) == 1 + 2
    shown = run(project, "dvc", "exp", "show", "--csv")
    assert "longer" in shown and "train_shallow.epochs" in shown


@pytest.mark.slow
def test_experiment_in_its_own_folder(project):
    before = (project / paths.SAMPLES_FIGURE).read_bytes()
    setting = "visualize.samples=1"
    output = run(project, "dvc", "exp", "run", "--temp", "--name", "apart", "-S", setting)
    assert stages_run(output) == ["visualize"]
    assert (project / paths.SAMPLES_FIGURE).read_bytes() == before
    assert "apart" in run(project, "dvc", "exp", "list", "--name-only")


@pytest.mark.slow
def test_queued_experiments_run(project):
    for count in (1, 3):
        setting = f"visualize.predictions={count}"
        run(project, "dvc", "exp", "run", "--queue", "--name", f"queued-{count}", "-S", setting)
    run(project, "dvc", "queue", "start", "--jobs", "1")
    deadline = time.monotonic() + 120
    while {"queued-1", "queued-3"} - set(run(project, "dvc", "exp", "list", "--name-only").split()):
        status = run(project, "dvc", "queue", "status")
        assert "Failed" not in status and time.monotonic() < deadline, status
        time.sleep(1)
    run(project, "dvc", "queue", "stop")


@pytest.mark.parametrize("override", ["train_unet.epoch=3", "+train_unet.epoch=3"])
def test_experiment_with_a_misspelt_key_is_refused(project, override):
    with pytest.raises(AssertionError, match=r"train_unet\.epoch"):
        run(project, "dvc", "exp", "run", "-S", override)


@pytest.mark.slow
def test_reproduced_clone_has_nothing_to_do(reproduced):
    assert stages_run(run(reproduced, "dvc", "repro")) == []


@pytest.mark.slow
def test_separate_processes_train_the_same_weights(reproduced):
    network = reproduced / paths.model("shallow")
    once = keras.saving.load_model(network).get_weights()
    run(reproduced, "dvc", "repro", "--force", "--single-item", "--no-run-cache", "train_shallow")
    again = keras.saving.load_model(network).get_weights()
    for one, other in zip(once, again, strict=True):
        np.testing.assert_array_equal(one, other)
    assert "plots/learning_curve_shallow.csv" not in run(reproduced, "git", "status", "--short")
