"""A run's fingerprint depends on its causes and code."""

import shutil

import pytest

import petseg
from petseg.core import yaml12
from petseg.training import checkpoint
from tests.helpers import ROOT


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A copy that tests may change."""
    copy = shutil.copytree(ROOT / "petseg", tmp_path / "petseg")
    monkeypatch.setattr(petseg, "__file__", str(copy / "__init__.py"))
    return copy


def edit(path) -> None:
    path.write_text(path.read_text(encoding="utf-8") + "# edited\n", encoding="utf-8")


def test_a_fingerprint_depends_on_its_causes():
    one = checkpoint.fingerprint(["unet", {"epochs": 2}])
    assert one == checkpoint.fingerprint(["unet", {"epochs": 2}])
    assert one != checkpoint.fingerprint(["unet", {"epochs": 3}])
    assert one != checkpoint.fingerprint(["shallow", {"epochs": 2}])


def test_the_code_matches_the_deps_of_the_training_stages():
    """It includes all of models/, as checkpoints belong to any network."""
    stages = yaml12.read(ROOT / "dvc.yaml")["stages"]
    deps = [dep for name, stage in stages.items() if "train" in name for dep in stage["deps"]]
    folders = {dep.split("/")[1] for dep in deps if dep.startswith("petseg/")}
    assert set(checkpoint.CODE) == folders


@pytest.mark.parametrize("folder", checkpoint.CODE)
def test_editing_any_training_code_changes_the_fingerprint(package, folder):
    before = checkpoint.fingerprint([])
    assert before == checkpoint.fingerprint([])
    seen = {before}
    files = sorted((package / folder).rglob("*.py"))
    assert files
    for path in files:
        edit(path)
        seen.add(checkpoint.fingerprint([]))
    assert len(seen) == len(files) + 1


def test_adding_or_moving_a_file_changes_the_fingerprint(package):
    before = checkpoint.fingerprint([])
    new = package / "training" / "new.py"
    new.write_text("")
    with_it = checkpoint.fingerprint([])
    moved = new.rename(package / "models" / "new.py")
    elsewhere = checkpoint.fingerprint([])
    moved.unlink()
    assert len({before, with_it, elsewhere}) == 3
    assert checkpoint.fingerprint([]) == before


def test_other_code_and_bytecode_keep_the_fingerprint(package):
    before = checkpoint.fingerprint([])
    for folder in ("app", "evaluation", "figures", "sources"):
        for path in (package / folder).rglob("*.py"):
            edit(path)
    (package / "training" / "__pycache__").mkdir(exist_ok=True)
    (package / "training" / "__pycache__" / "loop.cpython-311.pyc").write_bytes(b"other")
    assert checkpoint.fingerprint([]) == before
