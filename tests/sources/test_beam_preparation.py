"""Apache Beam writes the local runner's records, even if workers fail."""

import os
import pickle
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg.core import beam
from petseg.core.errors import PetsegError
from petseg.core.paths import BLOCKS
from petseg.decoding.mask import UnknownValues
from petseg.sources import acquisition, beam_preparation, preparation
from petseg.sources.generated.dataset import write_dataset
from tests.helpers.beam import IN_THIS_PROCESS, TWO_PROCESSES, two_workers
from tests.helpers.dataset_files import described
from tests.helpers.datasets import write_pair
from tests.helpers.files import contents
from tests.helpers.processes import environment
from tests.helpers.raw import prepared_pets, write_records

pytest.importorskip("apache_beam")

SETTINGS = {"max_bad_examples": 2, "shard_examples": 20}
WRITE = f"""
import sys
from pathlib import Path
from tests.helpers.raw import write_records
settings = {SETTINGS} | dict(runner="beam", beam_options=sys.argv[2:])
write_records(Path("raw"), Path(sys.argv[1]), **settings)
"""


def noise(folder: Path, count: int, side: int = 40) -> None:
    """Two examples are damaged, one is not annotated, one transparent."""
    random = np.random.default_rng(0)
    for number in range(count):
        image = random.integers(0, 256, (side, side, 4), np.uint8)
        mask = random.choice(np.array([0, 255], np.uint8), (side, side))
        if number == count // 2:
            mask[:] = 0
        if number == count // 3:
            mask[0, 0] = 7
        image = Image.fromarray(image[..., : 4 if number == 3 else 3])
        write_pair(folder, f"{number:03d}", image, mask)
    (folder / "images/001.png").write_bytes(b"no image")


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    """Two datasets as from `download`, one in each layout."""
    folder = tmp_path_factory.mktemp("beam")
    write_dataset(folder / "drawings", train=111, test=74, image_size=32, seed=1)
    prepared_pets(folder / "drawings", folder / "pets/raw", ["beagle_1"])
    noise(folder / "noise", 150)
    dataset = described(
        folder / "noise", {"test": 0.3}, unlabelled_without=["cell"], leave_out=["005"]
    )
    (folder / "folder/raw").mkdir(parents=True)
    acquisition.bring(dataset, folder / "folder/raw")
    return folder


@pytest.fixture
def workdir(data, request, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(beam_preparation, "LEAST_BLOCKS", 5)  # for speed, only in this process
    shutil.copytree(data / getattr(request, "param", "folder") / "raw", "raw")
    return tmp_path


def written(folder: str, runner: str = "local", options=(), **changes) -> dict[str, bytes]:
    """Returns the content of each file written."""
    settings = SETTINGS | changes | {"runner": runner, "beam_options": options}
    write_records(Path("raw"), Path(folder), **settings)
    return contents(Path(folder))


both_layouts = pytest.mark.parametrize("workdir", ["pets", "folder"], indirect=True)


@both_layouts
@pytest.mark.parametrize("shard_examples", [3, 20, 1000])
def test_beam_writes_the_same_bytes_as_the_local_runner(workdir, shard_examples):
    expected = written("local", shard_examples=shard_examples)
    assert len(expected) > 3 and b'"left_out"' in expected["manifest.json"]
    found = written("beam", "beam", IN_THIS_PROCESS, shard_examples=shard_examples)
    assert found == expected
    assert not list(BLOCKS.iterdir())


def start(folder: str, *options: str, **variables) -> subprocess.Popen:
    command = [sys.executable, "-c", WRITE, folder, *options]
    return subprocess.Popen(
        command,
        env=environment(TF_CPP_MIN_LOG_LEVEL="3", **variables),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_blocks(count: int) -> set[Path]:
    end = time.monotonic() + 300
    while time.monotonic() < end:
        found = {path for path in BLOCKS.glob("*/done/*") if not path.name.startswith(".")}
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError(f"{len(found)} blocks after 300 seconds")


@pytest.mark.slow
@both_layouts
def test_several_processes_write_the_same(workdir):
    expected = written("local")
    process = start("beam", *TWO_PROCESSES)
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert contents(Path("beam")) == expected


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills a group of processes")
def test_a_killed_run_resumes_with_only_missing_blocks(workdir, monkeypatch):
    expected = written("local")
    process = start("killed", *TWO_PROCESSES)
    wait_for_blocks(3)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    done = wait_for_blocks(3)
    assert not list(Path("killed").glob("manifest.json"))
    (blocks,) = BLOCKS.iterdir()
    missing = len(list((blocks / "plan").iterdir())) - len(done)
    counted = []
    write = preparation.write_examples

    def count(*arguments, **options):
        counted.append(1)
        return write(*arguments, **options)

    monkeypatch.setattr(preparation, "write_examples", count)
    assert written("again", "beam", IN_THIS_PROCESS) == expected
    assert 0 < len(counted) == missing


@pytest.mark.slow
def test_a_cluster_with_a_killed_worker_writes_the_same(workdir):
    """The cluster is Dask with two workers."""
    expected = written("local")
    with two_workers() as (options, kill_one):
        process = start("dask", **{beam.OPTIONS_VARIABLE: options})
        wait_for_blocks(3)
        kill_one()
        _, errors = process.communicate(timeout=600)
    assert process.returncode == 0, errors
    assert contents(Path("dask")) == expected


def test_blocks_of_other_parameters_or_data_are_not_used(workdir, monkeypatch):
    monkeypatch.setattr(beam_preparation, "write_shard", broken)
    with pytest.raises(PetsegError):
        written("first", "beam", IN_THIS_PROCESS)
    (before,) = BLOCKS.iterdir()
    monkeypatch.undo()
    monkeypatch.chdir(workdir)
    expected = written("local", image_size=(32, 64))
    assert written("beam", "beam", IN_THIS_PROCESS, image_size=(32, 64)) == expected
    assert not before.exists()


def broken(*_, **__) -> None:
    raise PetsegError("the disk is full; make room")


def test_a_worker_error_is_reported_in_one_line(workdir, monkeypatch):
    monkeypatch.setattr(beam_preparation, "write_block", broken)
    with pytest.raises(PetsegError) as caught:
        written("beam", "beam", IN_THIS_PROCESS)
    assert str(caught.value) == "the Beam pipeline failed: the disk is full; make room"


def test_bad_examples_give_the_message_of_the_local_runner(workdir):
    messages = []
    for runner in ("local", "beam"):
        with pytest.raises(PetsegError) as caught:
            written(runner, runner, IN_THIS_PROCESS, max_bad_examples=0, validation_share=0.999)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


def test_bad_example_errors_can_be_pickled():
    error = UnknownValues({7: 3}, 100)
    found = pickle.loads(pickle.dumps(error))
    assert (str(found), found.pixels, found.mask_pixels) == (str(error), {7: 3}, 100)


def test_without_beam_the_message_names_the_package(workdir, monkeypatch):
    monkeypatch.setattr(beam.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(PetsegError, match=r"pip install 'petseg\[beam\]'"):
        written("beam", "beam")


def test_an_unknown_runner_is_refused(workdir):
    with pytest.raises(PetsegError, match=r"the Beam pipeline failed: .*NoSuchRunner"):
        written("beam", "beam", ["--runner=NoSuchRunner"])
