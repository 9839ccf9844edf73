"""A tiny run of the whole pipeline, made once and shared by the tests that need one."""

import dataclasses
import importlib
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from petseg import params, paths

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

import workspace  # noqa: E402  (found through the line before)

STAGES = ("download", "preprocess", "train_unet", "train_shallow", "evaluate", "visualize")

_TRAINING = {"epochs": 1, "batch_size": 8, "precision": "float32"}
TINY = {
    "image_size": 32,
    "dataset": {
        "name": "synthetic",
        "synthetic_train": 74,
        "synthetic_test": 6,
        "synthetic_side": 32,
    },
    "preprocess": {"validation_share": 0.5},
    "train_unet": _TRAINING
    | {
        "encoder_weights": "none",
        "encoder_alpha": 0.35,
        "fine_tune_from": "stem",
        "fine_tune_after": 0,
        "decoder_filters": [8, 8, 8, 8],
    },
    "train_shallow": _TRAINING | {"width": 4},
    "visualize": {"samples": 2, "augmentations": 2, "predictions": 2, "hardest": 2},
}
"""Parameters for generated pets and networks so small that a test can wait for them."""


def pytest_collection_modifyitems(items) -> None:
    """The file that takes longest goes first, so that no core waits for it at the end."""
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")


class TinyRun(NamedTuple):
    """The folder of a finished run, and the parameters that each stage asked for."""

    folder: Path
    asked: dict[str, set[str]]


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory) -> TinyRun:
    """Runs every stage in this process, in a folder of its own."""
    folder = tmp_path_factory.mktemp("tiny run, größer")
    shipped = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    text = yaml.safe_dump(workspace.merged(shipped, TINY), sort_keys=False)
    (folder / paths.PARAMS).write_text(text, encoding="utf-8")
    asked = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("PETSEG_OFFLINE_DIR", raising=False)
        patch.setenv("PETSEG_CACHE_DIR", str(folder / "cache"))
        for stage in STAGES:
            asked[stage] = _run_recording(stage)
    return TinyRun(folder, asked)


def _run_recording(stage: str) -> set[str]:
    """Runs a stage's main; the full names of the parameters that were read after loading."""
    asked: set[str] = set()
    with pytest.MonkeyPatch.context() as patch:
        load = params.load

        def load_and_watch(*args):
            loaded = load(*args)
            _watch(loaded, "", asked, patch)
            return loaded

        patch.setattr(params, "load", load_and_watch)
        importlib.import_module(f"stages.{stage}").main()
    return asked


def _watch(section, path: str, asked: set[str], patch) -> None:
    """Makes one section, and those inside, note each value that is read from them."""
    names = {}
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if dataclasses.is_dataclass(value):
            _watch(value, f"{path}{field.name}.", asked, patch)
        else:
            names[field.name] = f"{path}{field.name}"

    class Watched(type(section)):
        def __getattribute__(self, name):
            if name in names:
                asked.add(names[name])
            return super().__getattribute__(name)

    object.__setattr__(section, "__class__", Watched)
