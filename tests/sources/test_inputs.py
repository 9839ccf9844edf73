"""External inputs are checked before any work, and against data/raw."""

import shutil
from pathlib import Path

import pytest

from petseg.app import check
from petseg.core import params, paths
from petseg.core.dataset_file import DatasetFile
from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256, write_json
from petseg.sources import acquisition, inputs
from petseg.sources.listing import base_folder
from tests.helpers import ROOT, datasets
from tests.helpers.commands import exit_code
from tests.helpers.dataset_files import described, shipped
from tests.helpers.processes import run_python

SHIPPED = params.load_params(ROOT / "params.yaml")
PETS, DRAWN = shipped("oxford_iiit_pet"), shipped("generated_pets")


def with_weights(value: str) -> params.Params:
    unet = SHIPPED.train_unet.model_copy(update={"encoder_weights": value})
    return SHIPPED.model_copy(update={"train_unet": unet})


@pytest.fixture
def copy(tmp_path, monkeypatch) -> Path:
    """An offline copy in the environment; the working folder is empty."""
    folder = tmp_path / "copy"
    for part in ("images", "annotations/trimaps"):
        (folder / part).mkdir(parents=True)
        (folder / part / "a").write_bytes(b"12")
    (folder / inputs.imagenet_name(SHIPPED.train_unet.encoder_alpha)).write_bytes(b"weights")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv(inputs.OFFLINE_VARIABLE, str(folder))
    return folder


def bring(copy: Path, settings: params.Params = SHIPPED) -> None:
    """Writes the provenance that `download` would write."""
    unet = settings.train_unet
    weights = inputs.weights_file(unet.encoder_weights)
    weights = weights or inputs.offline_weights(unet.encoder_alpha)
    encoder = {"encoder": unet.encoder, "weights": unet.encoder_weights}
    encoder["alpha"] = unet.encoder_alpha
    encoder["source_sha256"] = file_sha256(weights)
    dataset = {"name": PETS.name, "fingerprint": inputs.fingerprint(copy)}
    write_json(paths.PROVENANCE, {"dataset": dataset, "encoder": encoder})
    inputs.require_unchanged(settings, PETS)


def assert_changed(path: Path, settings: params.Params = SHIPPED) -> None:
    with pytest.raises(PetsegError) as caught:
        inputs.require_unchanged(settings, PETS)
    assert str(caught.value).startswith(f"data/raw was made from another version of {path}.")
    assert "\n  dvc repro --force --single-item download\n" in str(caught.value)


def test_a_changed_offline_copy_is_detected(copy, tmp_path, monkeypatch):
    bring(copy)
    (copy / "annotations" / "trimaps" / "b").touch()
    assert_changed(copy)


def test_a_moved_offline_copy_is_accepted(copy, tmp_path, monkeypatch):
    bring(copy)
    monkeypatch.setenv(inputs.OFFLINE_VARIABLE, str(copy.rename(tmp_path / "moved")))
    inputs.require_unchanged(SHIPPED, PETS)


def test_an_offline_copy_after_a_download_is_detected(copy, monkeypatch):
    bring(copy)
    made = inputs.read_json(paths.PROVENANCE)
    del made["dataset"]["fingerprint"]
    write_json(paths.PROVENANCE, made)
    assert_changed(copy)
    monkeypatch.delenv(inputs.OFFLINE_VARIABLE)
    inputs.require_unchanged(SHIPPED, PETS)


def test_changed_imagenet_weights_in_the_offline_copy_are_detected(copy):
    bring(copy)
    path = inputs.offline_weights(SHIPPED.train_unet.encoder_alpha)
    path.write_bytes(b"WEIGHTS")
    assert_changed(path)


def test_an_overwritten_weights_file_is_detected(copy):
    path, settings = Path("w.weights.h5"), with_weights("w.weights.h5")
    path.write_bytes(b"1")
    bring(copy, settings)
    path.write_bytes(b"2")
    assert_changed(path, settings)


def test_changed_params_are_left_to_dvc(copy):
    inputs.require_unchanged(SHIPPED, PETS)  # data/raw is missing
    bring(copy)
    inputs.require_unchanged(with_weights("none"), PETS)


@pytest.mark.parametrize("name", ["missing", "~/missing"])
def test_a_missing_weights_file_is_named_with_its_absolute_path(copy, monkeypatch, name):
    monkeypatch.setenv("HOME", str(copy))
    with pytest.raises(PetsegError) as caught:
        inputs.require(with_weights(name), PETS)
    message = str(caught.value)
    assert message.startswith(f"train_unet.encoder_weights: {name} is neither imagenet, none, nor")
    assert (f"({Path(name).absolute()})" in message) == (name == "missing")
    assert ("--queue" in message) == (name == "missing")


def test_a_missing_offline_folder_is_named_with_its_absolute_path(copy, monkeypatch):
    monkeypatch.setenv(inputs.OFFLINE_VARIABLE, "elsewhere")
    with pytest.raises(PetsegError) as caught:
        inputs.require(SHIPPED, PETS)
    message = str(caught.value)
    full = Path("elsewhere").absolute()
    assert message.startswith(f"PETSEG_OFFLINE_DIR names elsewhere, which is not a folder ({full})")
    assert "`dvc exp run --temp` and `--queue` run in a copy" in message


def test_generated_pets_need_the_offline_folder_only_for_weights(copy, monkeypatch):
    monkeypatch.setenv(inputs.OFFLINE_VARIABLE, "elsewhere")
    inputs.require(with_weights("none"), DRAWN)
    with pytest.raises(PetsegError, match="PETSEG_OFFLINE_DIR names elsewhere"):
        inputs.require(SHIPPED, DRAWN)


def elsewhere(tmp_path: Path, splits: dict | None = None, **source) -> DatasetFile:
    """Images outside the folder of dataset.yaml."""
    datasets.cells(tmp_path / "elsewhere", 3)
    home = tmp_path / "datasets" / "cells"
    home.mkdir(parents=True)
    return described(home, splits or {"test": 0.2}, path="../../elsewhere", **source)


def brought(dataset: DatasetFile) -> None:
    """Brings the dataset and writes its provenance."""
    made = {"name": dataset.name} | acquisition.bring(dataset, paths.RAW_DATASET)
    encoder = {"weights": "none", "alpha": 1.0}
    write_json(paths.PROVENANCE, {"dataset": made, "encoder": encoder})
    inputs.require_unchanged(SHIPPED, dataset)


def assert_folder_changed(dataset: DatasetFile) -> None:
    with pytest.raises(PetsegError) as caught:
        inputs.require_unchanged(SHIPPED, dataset)
    message = str(caught.value)
    assert message.startswith(f"data/raw was made from another version of {base_folder(dataset)}.")
    assert "\n  dvc repro --force --single-item download\n" in message
    assert inputs.OFFLINE_VARIABLE not in message


def test_changed_images_outside_the_dataset_folder_are_detected(copy, tmp_path):
    dataset = elsewhere(tmp_path)
    brought(dataset)
    mask = tmp_path / "elsewhere" / "masks" / "cell_01.png"
    pixels = mask.read_bytes()
    mask.write_bytes(pixels + b" ")
    assert_folder_changed(dataset)
    mask.unlink()
    assert_folder_changed(dataset)
    mask.write_bytes(pixels)
    inputs.require_unchanged(SHIPPED, dataset)


def test_a_changed_list_or_table_outside_is_detected(copy, tmp_path):
    source = {"groups_file": "groups.csv", "groups": ["ward"]}
    dataset = elsewhere(tmp_path, {"test": "test.txt"}, **source)
    (tmp_path / "elsewhere" / "test.txt").write_text("cell_01\n")
    lines = ["image,ward", *(f"cell_0{n},x" for n in range(3))]
    (tmp_path / "elsewhere" / "groups.csv").write_text("\n".join(lines))
    brought(dataset)
    for name in ("test.txt", "groups.csv"):
        path = tmp_path / "elsewhere" / name
        text = path.read_text()
        path.write_text(f"{text}\n")
        assert_folder_changed(dataset)
        path.write_text(text)


def test_changes_inside_the_dataset_folder_are_left_to_dvc(copy, tmp_path):
    folder = datasets.cells(tmp_path / "cells", 3)
    dataset = described(folder, {"test": 0.2})
    brought(dataset)
    (folder / "masks" / "cell_01.png").unlink()
    inputs.require_unchanged(SHIPPED, dataset)


def test_a_changed_dataset_yaml_is_left_to_dvc(copy, tmp_path):
    dataset = elsewhere(tmp_path)
    brought(dataset)
    (tmp_path / "elsewhere" / "images" / "cell_01.png").unlink()
    other = described(dataset.folder, {"test": 0.3}, path="../../elsewhere")
    inputs.require_unchanged(SHIPPED, other)


def test_a_missing_source_folder_is_refused(copy, tmp_path):
    dataset = elsewhere(tmp_path)
    inputs.require(SHIPPED, dataset)
    (tmp_path / "elsewhere").rename(tmp_path / "moved")
    with pytest.raises(PetsegError, match=r"source.path: \.\./\.\./elsewhere is not a folder"):
        inputs.require(SHIPPED, dataset)


def test_check_reports_changed_inputs_in_one_message(copy, monkeypatch, capsys):
    Path("params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    shutil.copytree(ROOT / "datasets", "datasets")
    check.main([])
    assert capsys.readouterr().out.endswith("no mistake found\n")
    bring(copy)
    (copy / "images" / "a").write_bytes(b"123")
    assert exit_code(check.main) == 1
    assert capsys.readouterr().err.startswith(
        f"error: data/raw was made from another version of {copy}"
    )


def test_check_lists_mistakes_of_an_image_folder(copy, tmp_path, capsys):
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    text = text.replace("name: oxford_iiit_pet", "name: cells")
    Path("params.yaml").write_text(text, encoding="utf-8")
    folder = datasets.cells(Path("datasets/cells"), 3)
    described(folder, {"test": 0.2})
    check.main([])
    (folder / "masks" / "cell_01.png").unlink()
    assert exit_code(check.main) == 1
    assert capsys.readouterr().err.endswith(
        "error: datasets/cells/dataset.yaml: the dataset cannot be used as it is:\n"
        "  images without a mask; add the mask, or remove the image:\n"
        "    - datasets/cells/images/cell_01.png\n"
    )


def test_dataset_yaml_is_checked_before_importing_tensorflow(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise AssertionError('imported')")
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    text = text.replace("name: oxford_iiit_pet", "name: mine")
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    for folder in ("petseg", "stages"):
        (tmp_path / folder).symlink_to(ROOT / folder)
    for reason in ("there are none", "has 3 mistakes"):
        done = run_python("-m", "stages.download", folder=tmp_path, PYTHONPATH=str(tmp_path))
        assert done.returncode == 1
        assert reason in done.stderr
        assert "datasets/mine/dataset.yaml" in done.stderr
        assert "Traceback" not in done.stderr
        (tmp_path / "datasets" / "mine").mkdir(parents=True, exist_ok=True)
        (tmp_path / "datasets" / "mine" / "dataset.yaml").write_text("a: 1")


def test_download_checks_the_weights_before_the_dataset(copy, tmp_path):
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    text = text.replace("encoder_weights: imagenet", "encoder_weights: ignored.weights.h5")
    Path("params.yaml").write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "datasets", "datasets")
    variables = {paths.CACHE_VARIABLE: str(tmp_path / "cache")}
    done = run_python("-m", "stages.download", folder=Path.cwd(), **variables)
    assert done.returncode == 1
    assert "error: train_unet.encoder_weights: ignored.weights.h5 is neither" in done.stderr
    assert "is not a usable copy of the dataset" not in done.stderr  # although it is not usable
