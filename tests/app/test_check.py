"""`petseg check`: mistakes in the dataset, weights for unknown classes."""

import shutil

import pytest

from petseg.app import check
from petseg.core import beam, paths, yaml12
from tests.helpers import ROOT
from tests.helpers.changed_params import changed
from tests.helpers.commands import exit_code
from tests.helpers.specs import CELLS, PETS


@pytest.fixture(autouse=True)
def project(tmp_path, monkeypatch):
    """A project with the shipped datasets and generated pets."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PETSEG_OFFLINE_DIR", raising=False)
    shutil.copytree(ROOT / paths.DATASETS, paths.DATASETS)
    write(CHANGES)
    return tmp_path


CHANGES = {
    "dataset.name": "generated_pets",
    "train_unet.encoder_weights": "none",
    "train_unet.loss.class_weights": {"border": 2.0},
    "train_shallow.loss.class_weights": "balanced",
}


def write(changes: dict) -> None:
    paths.PARAMS.write_text(yaml12.dump(changed(changes)), encoding="utf-8")


def test_correct_project_passes(capsys):
    check.main([])
    said = capsys.readouterr()
    assert said.out.endswith("no mistake found\n") and not said.err


def test_weights_of_unknown_classes_are_a_warning(capsys):
    write(CHANGES | {"train_unet.loss.class_weights": {"tail": 2.0, "border": 1.0}})
    check.main([])
    said = capsys.readouterr()
    assert said.out.endswith("no mistake found\n")
    assert said.err == (
        "warning: train_unet.loss.class_weights has tail, which is not a class of generated_pets "
        "and is ignored\n"
    )


def test_balanced_weights_fit_any_classes():
    params = check.load_params()
    assert check.unused_weights(params, PETS) == []
    (warning,) = check.unused_weights(params, CELLS)
    assert warning.startswith("train_unet.loss.class_weights has border")


def test_mistake_in_the_dataset_is_reported(capsys):
    path = paths.dataset_file("generated_pets")
    path.write_text(path.read_text().replace("value: 2", "value: 1"))
    assert exit_code(check.main) == 1
    assert "generated_pets/dataset.yaml has 1 mistake" in capsys.readouterr().err


def test_missing_dataset_is_reported(capsys):
    write(CHANGES | {"dataset.name": "mine"})
    assert exit_code(check.main) == 1
    assert "dataset.name: mine needs a file datasets/mine/dataset.yaml" in capsys.readouterr().err


def test_missing_runner_is_reported_with_its_package(monkeypatch, capsys):
    write(CHANGES | {"preprocess.runner": "beam"})
    monkeypatch.setattr(beam.importlib.util, "find_spec", lambda name: None)
    assert exit_code(check.main) == 1
    assert "pip install 'petseg[beam]'" in capsys.readouterr().err
