"""Faults that end whole processes: what is said, what stays, and how the next run goes on."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import workspace

from petseg.core import paths, yaml12
from petseg.sources import oxford_pets
from tests.helpers import ROOT
from tests.helpers.local_server import Answer, serving
from tests.helpers.projects import environment
from tests.helpers.python_process import run_code
from tests.helpers.tiny import SOURCE, STAGES, TINY

PATIENCE = 120
"""Seconds after which a test that waits for another process fails."""


def start(folder: Path, *command: str, **variables: str) -> subprocess.Popen:
    """A command that leads a process group of its own, as from a terminal."""
    return subprocess.Popen(
        command,
        cwd=folder,
        env=environment(folder) | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def wait_until(condition, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.01)


def send(process: subprocess.Popen, number: signal.Signals) -> None:
    os.killpg(process.pid, number)


@pytest.mark.parametrize("stage", STAGES)
def test_wrong_parameters_are_all_named_before_tensorflow_is_imported(tmp_path, stage):
    wrong = {
        "seed": "one",
        "image_size": 31,
        "train_unet": {"epochs": 0, "learning_rat": 0.001},
        "evaluate": {"batch_size": True},
    }
    shipped = yaml12.read(ROOT / "params.yaml")
    text = yaml12.dump(workspace.merged(shipped, wrong))
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    script = (
        "import runpy, sys\n"
        "try:\n"
        f"    runpy.run_module('stages.{stage}', run_name='__main__', alter_sys=True)\n"
        "except SystemExit as end:\n"
        "    print(end.code, 'tensorflow' in sys.modules, 'keras' in sys.modules)\n"
    )
    done = run_code(script, tmp_path)
    assert done.stdout == "1 False False\n"
    headline, *mistakes = done.stderr.splitlines()
    assert headline == "error: params.yaml has 5 mistakes:"
    for key in ("seed", "image_size", "train_unet.epochs", "train_unet.learning_rat", "evaluate."):
        assert any(line.startswith(f"  - {key}") for line in mistakes), key


REPRO = ("dvc", "repro", "--single-item", "train_shallow")
SETTINGS = {
    "epochs": 20,
    "batch_size": 4,
    "ema_decay": 0.9,
    "early_stopping_patience": 15,
}


@pytest.fixture
def project(tmp_path, records_folder) -> Path:
    """A clone whose records are there, so that a network can be trained by `dvc repro`."""
    folder = tmp_path / "ein Ordner für 犬"
    workspace.populate(folder, workspace.merged(TINY, {"train_shallow": SETTINGS}), SOURCE)
    shutil.copytree(records_folder, folder / paths.RECORDS)
    return folder


def trained(project: Path):
    """Weights and learning curve."""
    weights = keras.saving.load_model(project / paths.model("shallow")).get_weights()
    return weights, (project / paths.learning_curve("shallow")).read_bytes()


@pytest.mark.slow
def test_a_training_killed_at_any_moment_ends_as_one_that_never_was(project):
    folder = project / paths.CHECKPOINTS

    # Ctrl-C, while a second `dvc repro` tries to do the same.
    process = start(project, *REPRO)
    wait_until(lambda: list(folder.glob("*.npz")), process)
    (checkpoint,) = folder.glob("*.npz")
    send(process, signal.SIGSTOP)  # so that it does not finish meanwhile
    second = start(project, *REPRO)
    assert "is busy, it is being blocked by" in second.communicate(timeout=PATIENCE)[0]
    assert second.returncode != 0
    send(process, signal.SIGCONT)
    send(process, signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert "stopped; run the same command again to go on" in output
    assert "Traceback" not in output
    assert process.returncode != 0
    assert list(folder.glob("*.npz")) == [checkpoint]
    assert not (project / paths.model("shallow")).exists()

    # Killed at any moment, together with DVC.
    process, modified = start(project, *REPRO), checkpoint.stat().st_mtime_ns
    wait_until(lambda: checkpoint.stat().st_mtime_ns != modified, process)
    time.sleep(delay := 0.2 * random.random())
    send(process, signal.SIGKILL)
    output, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, f"{output}\nafter {delay} s"
    assert not (project / paths.model("shallow")).exists()

    process = start(project, *REPRO)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, output
    assert re.search(r"resuming after epoch \d+ of an interrupted run", output)
    assert not list(folder.iterdir())
    interrupted = trained(project)

    for path in (paths.model("shallow"), paths.learning_curve("shallow")):
        (project / path).unlink()
    process = start(project, sys.executable, "-m", "stages.train_shallow")
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0 and "resuming after" not in output, output
    whole = trained(project)
    for one, other in zip(whole[0], interrupted[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole[1] == interrupted[1]


@pytest.mark.slow
def test_a_training_whose_loss_breaks_leaves_nothing_for_dvc_to_keep(project):
    parameters = yaml12.read(project / "params.yaml")
    parameters["train_shallow"]["learning_rate"] = 1e30
    (project / "params.yaml").write_text(yaml12.dump(parameters), encoding="utf-8")
    process = start(project, *REPRO)
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode != 0
    assert re.search(
        r"error: the loss has [A-Za-z ]+ values at epoch 1, step \d+; no model was", output
    )
    assert "Traceback" not in output
    assert not (project / paths.model("shallow")).exists()
    assert not (project / "dvc.lock").exists()
    assert not list((project / ".dvc" / "cache").rglob("*.*"))


HANG = """
from pathlib import Path
from petseg.core import stage_runner
from petseg.sources import oxford_pets
oxford_pets.tfds_pets._BASE_URL = {address!r}
oxford_pets._archives = lambda: {{}}
folder = Path({folder!r})
stage_runner.run(lambda: oxford_pets.prepare_from_network(folder / "data", folder), "bring")
"""


def test_ctrl_c_ends_a_download_at_once_and_the_next_one_clears_what_it_left(tmp_path):
    name = "images.tar.gz"
    answers = {name: Answer(b"x" * 10_000, part=0.5, hang=True), "annotations.tar.gz": Answer(b"x")}
    with serving(answers) as address:
        script = HANG.format(address=address, folder=str(tmp_path))
        process = start(ROOT, sys.executable, "-c", script)
        wait_until(lambda: list(tmp_path.glob(f"*/*.tmp.*/{name}")), process)
        oxford_pets._clear_leftovers(tmp_path)  # as another process would that begins now
        assert list(tmp_path.glob(f"*/*.tmp.*/{name}"))
        send(process, signal.SIGINT)
        output, _ = process.communicate(timeout=20)
    assert process.returncode == 130, output
    assert "stopped; run the same command again to go on" in output
    oxford_pets._clear_leftovers(tmp_path)
    assert not list(tmp_path.glob("*/*.tmp.*"))
