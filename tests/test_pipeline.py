"""The whole pipeline as a user runs it: DVC repeats what changed, and nothing else."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import workspace
import yaml
from conftest import STAGES, TINY

from petseg import paths


def run(folder: Path, *command: str) -> str:
    """What a command prints in a project's folder; fails the test where the command fails."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PETSEG_CACHE_DIR": str(folder.parent / "cache"),
    }
    for name in ("PETSEG_OFFLINE_DIR", "PYTHONPATH"):
        environment.pop(name, None)
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def stages_run(output: str) -> list[str]:
    return re.findall(r"Running stage '(\w+)'", output)


def commit(folder: Path, message: str) -> None:
    identity = ("-c", "user.name=tests", "-c", "user.email=tests@example.invalid")
    run(folder, "git", "add", "--all")
    run(folder, "git", *identity, "commit", "--quiet", "--allow-empty", f"--message={message}")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    """A clone with the tiny parameters, reproduced once and committed."""
    folder = tmp_path_factory.mktemp("pipeline") / "a clone, größer"
    workspace.populate(folder, TINY)
    assert stages_run(run(folder, "dvc", "repro")) == list(STAGES)
    commit(folder, "first run")
    return folder


def test_a_second_run_has_nothing_to_do(project):
    output = run(project, "dvc", "repro")
    assert stages_run(output) == []
    assert "up to date" in output


def test_git_holds_tables_and_metrics_and_no_photograph(project):
    tracked = set(run(project, "git", "ls-files").split("\n"))
    assert {
        "dvc.lock",
        "metrics/unet.json",
        "plots/per_breed.csv",
        "plots/confusion.png",
    } <= tracked
    assert not tracked & {"plots/samples.png", "plots/predictions.png", "plots/hardest.png"}
    assert not [name for name in tracked if name.startswith(("data/", "models/"))]


def test_costs_are_told_apart_from_what_is_compared(project):
    cost = json.loads((project / paths.cost("train_unet")).read_text())
    assert cost["seconds"] > 0 and cost["peak_memory_mib"] > 100
    assert cost["precision"] == "float32" and len(cost["epochs"]) == 1
    assert "seconds" not in (project / paths.metrics("unet")).read_text()


def test_metrics_show_has_a_line_for_each_predictor(project):
    table = run(project, "dvc", "metrics", "show")
    assert all(f"metrics/{name}.json" in table for name in ("unet", "shallow", "baseline"))


def test_a_colour_redraws_and_no_more(project):
    edit(project / "petseg/figures/palette.py", "#E69F00", "#E69F01")
    assert stages_run(run(project, "dvc", "repro")) == ["visualize"]


def test_a_network_s_parameter_retrains_that_network_alone(project):
    parameters = yaml.safe_load((project / "params.yaml").read_text())
    parameters["train_shallow"]["learning_rate"] /= 2
    (project / "params.yaml").write_text(yaml.safe_dump(parameters, sort_keys=False))
    output = run(project, "dvc", "repro")
    assert stages_run(output) == ["train_shallow", "evaluate", "visualize"]
    assert "train_shallow.learning_rate" in run(project, "dvc", "params", "diff")
    assert "metrics/shallow.json" in run(project, "dvc", "metrics", "diff")
    assert "metrics/unet.json" not in run(project, "dvc", "metrics", "diff")


def test_preprocessing_again_downloads_nothing(project):
    parameters = yaml.safe_load((project / "params.yaml").read_text())
    parameters["preprocess"]["shard_examples"] = 16
    (project / "params.yaml").write_text(yaml.safe_dump(parameters, sort_keys=False))
    output = run(project, "dvc", "repro", "preprocess")
    assert stages_run(output) == ["preprocess"]
    assert "'download' didn't change" in output
