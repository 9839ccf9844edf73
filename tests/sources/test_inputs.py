"""What comes from outside is checked before any work, and data/raw against what is there now."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from petseg.app import check
from petseg.core import params, paths
from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256, write_json
from petseg.sources import inputs
from tests.helpers import ROOT

SHIPPED = params.load_params(ROOT / "params.yaml")


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
    encoder = {"weights": unet.encoder_weights, "alpha": unet.encoder_alpha}
    encoder["source_sha256"] = file_sha256(weights)
    dataset = {"name": wanted.dataset.name, "offline_copy": inputs.fingerprint(copy)}
    write_json(paths.PROVENANCE, {"dataset": dataset, "encoder": encoder})
    inputs.require_unchanged(wanted)


def assert_changed(path: Path, wanted: params.Params = SHIPPED) -> None:
    with pytest.raises(PetsegError) as caught:
        inputs.require_unchanged(wanted)
    assert str(caught.value).startswith(f"data/raw was not made from {path} as it is now.")
    assert "\n  dvc repro --force --single-item download\n" in str(caught.value)


def test_another_offline_copy_is_noticed(copy, tmp_path, monkeypatch):
    bring(copy)
    (copy / "annotations" / "trimaps" / "b").touch()
    assert_changed(copy)


def test_a_copy_that_was_moved_is_the_same(copy, tmp_path, monkeypatch):
    bring(copy)
    monkeypatch.setenv(inputs.OFFLINE_VARIABLE, str(copy.rename(tmp_path / "moved")))
    inputs.require_unchanged(SHIPPED)


def test_an_offline_copy_after_the_network_is_noticed_and_none_at_all_is_not(copy, monkeypatch):
    bring(copy)
    made = inputs.read_json(paths.PROVENANCE)
    del made["dataset"]["offline_copy"]
    write_json(paths.PROVENANCE, made)
    assert_changed(copy)
    monkeypatch.delenv(inputs.OFFLINE_VARIABLE)
    inputs.require_unchanged(SHIPPED)


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
    inputs.require_unchanged(SHIPPED)  # nothing there
    bring(copy)
    inputs.require_unchanged(with_weights("none"))


@pytest.mark.parametrize("name", ["missing", "~/missing"])
def test_a_missing_weights_file_is_named_in_full(copy, monkeypatch, name):
    monkeypatch.setenv("HOME", str(copy))
    with pytest.raises(PetsegError) as caught:
        inputs.require(with_weights(name))
    message = str(caught.value)
    assert message.startswith(f"train_unet.encoder_weights: {name} is neither imagenet, none, nor")
    assert (f"({Path(name).absolute()})" in message) == (name == "missing")
    assert ("--queue" in message) == (name == "missing")


def test_a_relative_offline_folder_that_is_missing_is_named_in_full(copy, monkeypatch):
    monkeypatch.setenv(inputs.OFFLINE_VARIABLE, "elsewhere")
    with pytest.raises(PetsegError) as caught:
        inputs.require(SHIPPED)
    message = str(caught.value)
    full = Path("elsewhere").absolute()
    assert message.startswith(f"PETSEG_OFFLINE_DIR names elsewhere, which is not a folder ({full})")
    assert "`dvc exp run --temp` and `--queue` run in a copy" in message


def test_generated_pets_need_no_offline_folder(copy, monkeypatch):
    monkeypatch.setenv(inputs.OFFLINE_VARIABLE, "elsewhere")
    dataset = SHIPPED.dataset.model_copy(update={"name": inputs.SYNTHETIC})
    inputs.require(SHIPPED.model_copy(update={"dataset": dataset}))


def test_the_command_ends_with_one_message(copy, monkeypatch, capsys):
    Path("params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    check.main([])
    assert capsys.readouterr().out.endswith("no mistake found\n")
    bring(copy)
    (copy / "images" / "a").write_bytes(b"123")
    with pytest.raises(SystemExit) as caught:
        check.main([])
    assert caught.value.code == 1
    assert capsys.readouterr().err.startswith(f"error: data/raw was not made from {copy}")


def test_the_download_misses_the_weights_before_it_prepares_the_dataset(copy, tmp_path):
    text = (ROOT / "params.yaml").read_text(encoding="utf-8")
    text = text.replace("encoder_weights: imagenet", "encoder_weights: ignored.weights.h5")
    Path("params.yaml").write_text(text, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "stages.download"],
        env=os.environ | {"PYTHONPATH": str(ROOT), paths.CACHE_VARIABLE: str(tmp_path / "cache")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "error: train_unet.encoder_weights: ignored.weights.h5 is neither" in done.stderr
    assert "is not a usable copy of the dataset" not in done.stderr  # which it is not either
