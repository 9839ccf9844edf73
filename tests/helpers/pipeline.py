"""A finished run of all stages on tiny parameters, as a Git and DVC project with one commit."""

import json
import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
import workspace

from petseg.core import paths, yaml12
from tests.helpers import ROOT
from tests.helpers.parameter_reads import run_recording
from tests.helpers.projects import commit, run
from tests.helpers.tiny import SOURCE, STAGES, TINY


class TinyRun(NamedTuple):
    """The folder of the project, the parameters that each stage read, and all written files."""

    folder: Path
    asked: dict[str, set[str]]
    written: set[str]


def make_tiny_run(parent: Path) -> None:
    """Runs all stages in this process, and commits their results to DVC and Git."""
    folder = parent / "tiny run, größer"
    given = {
        paths.PARAMS: TINY,
        paths.dataset_file(TINY["dataset"]["name"]): {"source": SOURCE},
    }
    for name, overlay in given.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        text = yaml12.dump(workspace.merged(yaml12.read(ROOT / name), overlay))
        (folder / name).write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.delenv("PETSEG_OFFLINE_DIR", raising=False)
        patch.setenv("PETSEG_CACHE_DIR", str(parent / "cache"))
        asked = {stage: sorted(run_recording(stage)) for stage in STAGES}
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    written = [path.as_posix() for path in files if path not in given]
    (parent / "notes.json").write_text(json.dumps({"asked": asked, "written": written}))
    workspace.populate(folder, TINY, SOURCE)
    run(folder, "dvc", "commit", "--quiet", "--force")
    commit(folder, "first run")


def tiny_run(parent: Path) -> TinyRun:
    """Returns the run that `make_tiny_run` left in a folder."""
    notes = json.loads((parent / "notes.json").read_text())
    asked = {stage: set(names) for stage, names in notes["asked"].items()}
    return TinyRun(parent / "tiny run, größer", asked, set(notes["written"]))


def copied(project: Path, folder: Path) -> Path:
    """Copies a project for a test that changes it, to a folder with a space in its name."""
    return shutil.copytree(project, folder / "a clone", symlinks=True)
