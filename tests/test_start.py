"""Commands import TensorFlow, which takes seconds, only when they need it."""

import os
import shutil
import subprocess

import pytest

import petseg.__main__
from tests.helpers import ROOT
from tests.helpers.processes import run_python
from tests.helpers.specs import PETS, add_spec
from tests.helpers.tiny import STAGES

COMMANDS = {
    **{stage: ("stages." + stage,) for stage in STAGES},
    **{command: ("petseg", command) for command in petseg.__main__.COMMANDS},
    "benchmarks": ("benchmarks",),
}


@pytest.fixture
def without_tensorflow(tmp_path):
    """Runs `python -m` in an empty folder; importing TensorFlow or Keras is an error there."""
    for package in ("tensorflow", "keras"):
        (tmp_path / "fakes" / package).mkdir(parents=True)
        text = "raise ImportError('imported too early')"
        (tmp_path / "fakes" / package / "__init__.py").write_text(text, encoding="utf-8")
    folder = tmp_path / "project"
    folder.mkdir()

    def run(*command: str) -> subprocess.CompletedProcess:
        python_path = f"{tmp_path / 'fakes'}{os.pathsep}{ROOT}"
        return run_python("-m", *command, folder=folder, PYTHONPATH=python_path)

    run.folder = folder
    return run


@pytest.mark.parametrize("name", COMMANDS)
def test_help_does_not_wait_for_tensorflow(without_tensorflow, name):
    done = without_tensorflow(*COMMANDS[name], "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("usage: ")


@pytest.mark.parametrize("name", COMMANDS)
def test_unknown_option_does_not_wait_for_tensorflow(without_tensorflow, name):
    done = without_tensorflow(*COMMANDS[name], "--no-such-option")
    assert done.returncode == 2
    assert "--no-such-option" in done.stderr or "required" in done.stderr


@pytest.mark.parametrize("stage", STAGES[1:])
def test_missing_input_of_a_stage_does_not_wait_for_tensorflow(without_tensorflow, stage):
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copyfile(ROOT / name, without_tensorflow.folder / name)
    done = without_tensorflow(f"stages.{stage}")
    assert done.returncode == 1
    assert done.stderr.startswith("error: data/")
    assert f"dvc repro {stage}" in done.stderr


@pytest.mark.parametrize("command", ["predict", "export", "serve"])
def test_missing_network_does_not_wait_for_tensorflow(without_tensorflow, command):
    (without_tensorflow.folder / "photo.jpg").write_bytes(b"")
    photographs = ("photo.jpg",) if command == "predict" else ()
    done = without_tensorflow("petseg", command, *photographs, "--model", "lost.keras")
    assert done.returncode == 1
    assert done.stderr.startswith("error: lost.keras not found")


def test_unreadable_photographs_do_not_wait_for_tensorflow(without_tensorflow):
    add_spec(without_tensorflow.folder / "unet.keras", PETS)
    (without_tensorflow.folder / "broken.png").write_bytes(b"no photograph")
    arguments = ("lost.jpg", "broken.png", "--model", "unet.keras")
    done = without_tensorflow("petseg", "predict", *arguments)
    assert done.returncode == 1
    assert "lost.jpg: No such file" in done.stderr
    assert "broken.png: the photograph is not an image" in done.stderr
    assert "imported too early" not in done.stderr
