"""Several devices train like one; after a lost worker, the run can resume."""

import functools
import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pandas as pd
import pytest
import tensorflow as tf

from petseg.core.errors import PetsegError
from petseg.training import devices
from tests.helpers import train_process
from tests.helpers.local_server import free_ports
from tests.helpers.marks import in_half_precision
from tests.helpers.processes import environment

SETTINGS = {
    "tiny": {"optimizer": "sgd", "learning_rate": 0.05, "epochs": 2},
    "shallow": {"optimizer": "sgd", "learning_rate": 0.05, "epochs": 2},
    "unet": {"optimizer": "adamw", "learning_rate": 0.001, "epochs": 1},
}
"""AdamW divides by the size of a gradient, and so amplifies rounding errors of small ones."""


@pytest.fixture(scope="module")
def alone(tmp_path_factory, records_folder):
    """A network trained on one device."""

    @functools.cache
    def trained(network: str) -> Path:
        folder = tmp_path_factory.mktemp(network)
        train_process.train(str(records_folder), str(folder), network, **SETTINGS[network])
        return folder

    return trained


@pytest.fixture
def start(tmp_path):
    """Starts train_process, alone or as worker `index`."""

    def start(cluster: list[str] | None = None, index: int = 0, **options) -> subprocess.Popen:
        variables = {"CUDA_VISIBLE_DEVICES": ""}
        if cluster:
            task = {"type": "worker", "index": index}
            variables["TF_CONFIG"] = json.dumps({"cluster": {"worker": cluster}, "task": task})
        command = [sys.executable, "-m", train_process.__name__, json.dumps(options, default=str)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(command, cwd=tmp_path, env=environment(**variables), **pipes)

    return start


def end(process: subprocess.Popen, code: int = 0, timeout: float = 300) -> str:
    """Returns the process's output; it must end with `code`."""
    try:
        output, errors = process.communicate(timeout=timeout)
    finally:
        process.kill()
    assert process.returncode == code, output + errors
    return output + errors


def free_addresses(count: int) -> list[str]:
    return [f"localhost:{port}" for port in free_ports(count)]


def assert_same_training(folder: Path, expected: Path) -> None:
    both = folder, expected
    weights = (keras.saving.load_model(one / "model.keras").get_weights() for one in both)
    for one, other in zip(*weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
    curves = (pd.read_csv(one / "curve.csv") for one in both)
    pd.testing.assert_frame_equal(*curves, rtol=1e-4)


@pytest.mark.parametrize(
    "network",
    ["tiny", *(pytest.param(name, marks=pytest.mark.slow) for name in ("shallow", "unet"))],
)
def test_two_devices_train_like_one(start, alone, network, tmp_path, records_folder):
    options = {"network": network, "records": records_folder, "folder": tmp_path}
    output = end(start(**options, strategy="mirrored", cpus=2, **SETTINGS[network]))
    assert "strategy: mirrored, 2 CPUs" in output
    assert_same_training(tmp_path, alone(network))


@in_half_precision
@pytest.mark.slow
@pytest.mark.parametrize(
    ("network", "precision"), [("unet", "mixed_bfloat16"), ("tiny", "mixed_float16")]
)
def test_two_devices_train_like_one_in_half_precision(
    start, tmp_path, records_folder, network, precision
):
    options = {"network": network, "records": records_folder, "precision": precision}
    options |= SETTINGS[network]
    one, two = tmp_path / "one", tmp_path / "two"
    end(start(**options, folder=one))
    end(start(**options, folder=two, strategy="mirrored", cpus=2))
    found, expected = (pd.read_csv(folder / "curve.csv")["loss"] for folder in (one, two))
    np.testing.assert_allclose(found, expected, rtol=0.01)


@pytest.mark.slow
def test_two_workers_train_like_one(start, alone, tmp_path, records_folder):
    options = {"network": "unet", "records": records_folder, "strategy": "auto"}
    options |= SETTINGS["unet"]
    cluster = free_addresses(2)
    other = start(cluster, 1, **options, folder=tmp_path / "other")
    output = end(start(cluster, 0, **options, folder=tmp_path / "chief"))
    end(other)
    assert "strategy: multi_worker, 2 replicas on 2 workers" in output
    assert_same_training(tmp_path / "chief", alone("unet"))
    assert {path.name for path in tmp_path.iterdir()} == {"chief", "data"}  # the run report


@pytest.mark.slow
def test_a_killed_worker_stops_the_others_and_the_run_resumes(
    start, alone, tmp_path, records_folder
):
    options = {"network": "shallow", "records": records_folder, "strategy": "multi_worker"}
    options |= SETTINGS["shallow"]
    chief, other = tmp_path / "chief", tmp_path / "other"

    cluster = free_addresses(2)
    killed = start(cluster, 1, **options, folder=other, dies_after=1)
    waiting = start(cluster, 0, **options, folder=chief)
    end(killed, code=-9)
    output = end(waiting, code=1, timeout=60)
    assert "error: a worker was lost" in output
    assert not (chief / "model.keras").exists()

    cluster = free_addresses(2)
    second = start(cluster, 1, **options, folder=other)
    assert "resuming after epoch 1" in end(start(cluster, 0, **options, folder=chief))
    assert "resuming after epoch 1" in end(second)
    assert_same_training(chief, alone("shallow"))


def test_a_worker_with_other_params_is_refused(start, tmp_path, records_folder):
    options = {"network": "tiny", "records": records_folder, "strategy": "multi_worker"}
    cluster = free_addresses(2)
    other = start(cluster, 1, **options, folder=tmp_path, learning_rate=0.5)
    chief = start(cluster, 0, **options, folder=tmp_path)
    assert "differ from the chief's" in end(other, code=1)
    assert "a worker was lost" in end(chief, code=1, timeout=60)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "not JSON",
        "[]",
        "{}",
        '{"cluster": {"worker": ["a:1", "b:1"]}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": 2}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "worker", "index": -1}}',
        '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"type": "chief", "index": 0}}',
        '{"cluster": {"worker": ["a", "b:1"]}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": 2}, "task": {"type": "worker", "index": 0}}',
    ],
)
def test_an_invalid_cluster_is_refused_with_an_example(monkeypatch, text):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    if text is not None:
        monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(PetsegError, match=r"(?s)TF_CONFIG='\{\"cluster\": .*but it is"):
        devices.resolve("multi_worker")
    if text is not None:
        with pytest.raises(PetsegError, match="TF_CONFIG"):
            devices.resolve("auto")


def test_a_single_device_uses_the_default_strategy(monkeypatch):
    alone = '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 0}}'
    for text in ("", alone):
        monkeypatch.setenv("TF_CONFIG", text)
        for requested in ("auto", "single"):
            strategy, description = devices.resolve(requested)
            assert strategy is tf.distribute.get_strategy()
            assert description.startswith("single")
    assert devices.is_chief(tf.distribute.get_strategy())


def test_a_batch_that_cannot_be_divided_is_refused():
    devices.check_batch_size(SimpleNamespace(num_replicas_in_sync=4), 32)
    with pytest.raises(PetsegError, match="batch_size 32 is not divisible by the 3 devices"):
        devices.check_batch_size(SimpleNamespace(num_replicas_in_sync=3), 32)


LOST = [
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
]


@pytest.mark.parametrize("kind", LOST)
def test_a_lost_worker_is_reported_only_in_a_cluster(kind):
    """Only the strategy's class matters; creating one would wait for workers."""
    error = kind(None, None, "\nconnection reset\nby peer")
    workers = object.__new__(tf.distribute.MultiWorkerMirroredStrategy)
    with (
        pytest.raises(PetsegError, match=r"a worker was lost.*same command.*\(connection reset\)"),
        devices.report_lost_workers(workers),
    ):
        raise error
    with pytest.raises(kind), devices.report_lost_workers(tf.distribute.get_strategy()):
        raise error


def test_other_errors_are_not_reported_as_a_lost_worker():
    workers = object.__new__(tf.distribute.MultiWorkerMirroredStrategy)
    for error in (ValueError("a bug"), PetsegError("the records are damaged")):
        with pytest.raises(type(error), match=str(error)), devices.report_lost_workers(workers):
            raise error


def test_a_value_that_is_not_finite_is_reported_once(start, tmp_path, records_folder):
    options = {"network": "tiny", "records": records_folder, "folder": tmp_path / "out"}
    options |= {"optimizer": "sgd", "learning_rate": 1e30}
    output = end(start(**options, strategy="mirrored", cpus=2), code=1)
    (message,) = (line for line in output.splitlines() if line.startswith("error: "))
    assert re.match(
        r"error: the (loss|gradient of \S+) has (NaN|Inf) values at epoch 1, step", message
    )
    assert "Traceback" not in output and "root error" not in output
    assert not (tmp_path / "out").exists()


def test_a_gpu_that_tensorflow_cannot_use_is_reported(monkeypatch):
    monkeypatch.setattr(devices.tf.config, "list_physical_devices", lambda kind: [])
    for present, words in ((True, "cannot use the NVIDIA GPU"), (False, "on the CPU")):
        monkeypatch.setattr(devices.quiet, "has_nvidia_gpu", lambda present=present: present)
        assert devices.resolve("single")[1].count(words) == 1
