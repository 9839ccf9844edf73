"""What comes from outside is checked before any work, and data/raw against what is there now."""

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
    """An offline copy, which the environment names; the working folder is empty."""
    folder = tmp_path / "copy"
    for part in ("images", "annotations/trimaps"):
        (folder / part).mkdir(parents=True)
        (folder / part / "a").write_bytes(b"12")
    (folder / inputs.imagenet_name(SHIPPED.train_unet.encoder_alpha)).write_bytes(b"weights")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setenv(inputs.OFFLINE_VARIABLE, str(folder))
    return folder


def bring(copy: Path, wanted: params.Params = SHIPPED) -> None:
    """What `download` would write about itself."""
    unet = wanted.train_unet
    weights = inputs.weights_file(unet.encoder_weights)
    weights = weights or inputs.offline_weights(unet.encoder_alpha)
    encoder = {"encoder": unet.encoder, "weights": unet.encoder_weights}
    encoder["alpha"] = unet.encoder_alpha
    encoder["source_sha256"] = file_sha256(weights)
    dataset = {"name": PETS.name, "fingerprint": inputs.fingerprint(copy)}
    write_json(paths.PROVENANCE, {"dataset": dataset, "encoder": encoder})
    inputs.require_unchanged(wanted, PETS)


def assert_changed(path: Path, wanted: params.Params = SHIPPED) -> None:
    with pytest.raises(PetsegError) as caught:
        inputs.require_unchanged(wanted, PETS)
    assert str(caught.value).startswith(f"data/raw was not made from {path} as it is now.")
    assert "\n  dvc repro --force --single-item download\n" in str(caught.value)


def test_another_offline_copy_is_noticed(copy, tmp_path, monkeypatch):
    bring(copy)
    (copy / "annotations" / "trimaps" / "b").touch()
    assert_changed(copy)


def test_a_copy_that_was_moved_is_the_same(copy, tmp_path, monkeypatch):
    bring(copy)
    monkeypatch.setenv(inputs.OFFLINE_VARIABLE, str(copy.rename(tmp_path / "moved")))
    inputs.require_unchanged(SHIPPED, PETS)


def test_an_offline_copy_after_the_network_is_noticed_and_none_at_all_is_not(copy, monkeypatch):
    bring(copy)
    made = inputs.read_json(paths.PROVENANCE)
    del made["dataset"]["fingerprint"]
    write_json(paths.PROVENANCE, made)
    assert_changed(copy)
    monkeypatch.delenv(inputs.OFFLINE_VARIABLE)
    inputs.require_unchanged(SHIPPED, PETS)


def test_other_imagenet_weights_in_the_offline_copy_are_noticed(copy):
    bring(copy)
    path = inputs.offline_weights(SHIPPED.train_unet.encoder_alpha)
    path.write_bytes(b"WEIGHTS")
    assert_changed(path)


def test_a_weights_file_that_was_overwritten_is_noticed(copy):
    path, wanted = Path("w.weights.h5"), with_weights("w.weights.h5")
    path.write_bytes(b"1")
    bring(copy, wanted)
    path.write_bytes(b"2")
    assert_changed(path, wanted)


def test_what_dvc_notices_by_itself_is_left_to_it(copy):
    inputs.require_unchanged(SHIPPED, PETS)  # nothing there
    bring(copy)
    inputs.require_unchanged(with_weights("none"), PETS)


@pytest.mark.parametrize("name", ["missing", "~/missing"])
def test_a_missing_weights_file_is_named_in_full(copy, monkeypatch, name):
    monkeypatch.setenv("HOME", str(copy))
    with pytest.raises(PetsegError) as caught:
        inputs.require(with_weights(name), PETS)
    message = str(caught.value)
    assert message.startswith(f"train_unet.encoder_weights: {name} is neither imagenet, none, nor")
    assert (f"({Path(name).absolute()})" in message) == (name == "missing")
    assert ("--queue" in message) == (name == "missing")


def test_a_relative_offline_folder_that_is_missing_is_named_in_full(copy, monkeypatch):
    monkeypatch.setenv(inputs.OFFLINE_VARIABLE, "elsewhere")
    with pytest.raises(PetsegError) as caught:
        inputs.require(SHIPPED, PETS)
    message = str(caught.value)
    full = Path("elsewhere").absolute()
    assert message.startswith(f"PETSEG_OFFLINE_DIR names elsewhere, which is not a folder ({full})")
    assert "`dvc exp run --temp` and `--queue` run in a copy" in message


def test_generated_pets_need_no_offline_folder_unless_their_weights_come_from_there(
    copy, monkeypatch
):
    monkeypatch.setenv(inputs.OFFLINE_VARIABLE, "elsewhere")
    inputs.require(with_weights("none"), DRAWN)
    with pytest.raises(PetsegError, match="PETSEG_OFFLINE_DIR names elsewhere"):
        inputs.require(SHIPPED, DRAWN)


def elsewhere(tmp_path: Path, splits: dict | None = None, **source) -> DatasetFile:
    """A dataset whose images lie outside the folder of its dataset.yaml."""
    datasets.cells(tmp_path / "elsewhere", 3)
    home = tmp_path / "datasets" / "cells"
    home.mkdir(parents=True)
    return described(home, splits or {"test": 0.2}, path="../../elsewhere", **source)


def brought(dataset: DatasetFile) -> None:
    """What `download` would write about itself."""
    made = {"name": dataset.name} | acquisition.bring(dataset, paths.RAW_DATASET)
    encoder = {"weights": "none", "alpha": 1.0}
    write_json(paths.PROVENANCE, {"dataset": made, "encoder": encoder})
    inputs.require_unchanged(SHIPPED, dataset)


def assert_folder_changed(dataset: DatasetFile) -> None:
    with pytest.raises(PetsegError) as caught:
        inputs.require_unchanged(SHIPPED, dataset)
    message = str(caught.value)
    assert message.startswith(f"data/raw was not made from {base_folder(dataset)} as it is now.")
    assert "\n  dvc repro --force --single-item download\n" in message
    assert inputs.OFFLINE_VARIABLE not in message


def test_a_change_in_images_outside_the_dataset_s_folder_is_noticed(copy, tmp_path):
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


def test_a_changed_list_or_table_outside_is_noticed(copy, tmp_path):
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


def test_what_dvc_sees_in_the_dataset_s_own_folder_is_left_to_it(copy, tmp_path):
    folder = datasets.cells(tmp_path / "cells", 3)
    dataset = described(folder, {"test": 0.2})
    brought(dataset)
    (folder / "masks" / "cell_01.png").unlink()
    inputs.require_unchanged(SHIPPED, dataset)


def test_another_dataset_yaml_is_left_to_dvc_too(copy, tmp_path):
    dataset = elsewhere(tmp_path)
    brought(dataset)
    (tmp_path / "elsewhere" / "images" / "cell_01.png").unlink()
    other = described(dataset.folder, {"test": 0.3}, path="../../elsewhere")
    inputs.require_unchanged(SHIPPED, other)


def test_a_folder_that_is_not_there_is_named_before_any_work(copy, tmp_path):
    dataset = elsewhere(tmp_path)
    inputs.require(SHIPPED, dataset)
    (tmp_path / "elsewhere").rename(tmp_path / "moved")
    with pytest.raises(PetsegError, match=r"source.path: \.\./\.\./elsewhere is not a folder"):
        inputs.require(SHIPPED, dataset)


def test_the_command_ends_with_one_message(copy, monkeypatch, capsys):
    Path("params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    shutil.copytree(ROOT / "datasets", "datasets")
    check.main([])
    assert capsys.readouterr().out.endswith("no mistake found\n")
    bring(copy)
    (copy / "images" / "a").write_bytes(b"123")
    assert exit_code(check.main) == 1
    assert capsys.readouterr().err.startswith(f"error: data/raw was not made from {copy}")


def test_the_command_finds_what_a_folder_of_images_lacks(copy, tmp_path, capsys):
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
        "  images without a mask; draw it, or take the image away:\n"
        "    - datasets/cells/images/cell_01.png\n"
    )


def test_mistakes_in_dataset_yaml_are_told_before_tensorflow_is_imported(tmp_path):
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


def test_the_download_misses_the_weights_before_it_prepares_the_dataset(copy, tmp_path):
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    text = text.replace("encoder_weights: imagenet", "encoder_weights: ignored.weights.h5")
    Path("params.yaml").write_text(text, encoding="utf-8")
    shutil.copytree(ROOT / "datasets", "datasets")
    variables = {paths.CACHE_VARIABLE: str(tmp_path / "cache")}
    done = run_python("-m", "stages.download", folder=Path.cwd(), **variables)
    assert done.returncode == 1
    assert "error: train_unet.encoder_weights: ignored.weights.h5 is neither" in done.stderr
    assert "is not a usable copy of the dataset" not in done.stderr  # which it is not either
