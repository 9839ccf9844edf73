"""Importing TensorFlow prints only errors, and all of them."""

import os
import signal

import pytest

from tests.helpers import ROOT
from tests.helpers.processes import run_python

NATIVE = """
WARNING: All log messages before absl::InitializeLog() is called are written to STDERR
I0000 00:00:1795752223.834335    3154 port.cc:153] oneDNN custom operations are on.
2026-01-31 12:00:00.123456: I tensorflow/core/platform/port.cc:153] an older format
W0000 00:00:1795752223.834950    3154 some.cc:31] a warning
To enable the following instructions: AVX2, rebuild TensorFlow
E0000 00:00:1795752226.726388    3154 cuda_platform.cc:52] failed call to cuInit: no device
"""
REAL = "E0000 00:00:1795752226.726388    3154 gpu.cc:1] the driver is too old"
FATAL = "F0000 00:00:1795752226.726388    3154 cpu_feature_guard.cc:1] built for AVX"

IMPORTS = """
import os
from types import SimpleNamespace
os.write(2, {text!r}.encode())
config = SimpleNamespace(list_physical_devices=lambda: {devices})
{more}
"""


@pytest.fixture
def start(tmp_path):
    """Imports petseg, then a fake TensorFlow that prints `text`."""

    def start(text: str, *, more: str = "", devices: str = "None", script: str = "", **variables):
        package = tmp_path / "tensorflow"
        package.mkdir()
        content = IMPORTS.format(text=text, more=more, devices=devices)
        (package / "__init__.py").write_text(content, encoding="utf-8")
        code = f"import petseg, petseg.core.quiet\n{script}\nimport tensorflow"
        variables["PYTHONPATH"] = f"{tmp_path}{os.pathsep}{ROOT}"
        return run_python("-c", code, folder=tmp_path, without="TF_CPP", **variables)

    return start


def test_native_log_lines_are_hidden(start):
    done = start(NATIVE, script="petseg.core.quiet.has_nvidia_gpu = lambda: False")
    assert (done.returncode, done.stderr.strip()) == (0, "")


def test_level_0_shows_everything(start):
    assert NATIVE in start(NATIVE, TF_CPP_MIN_LOG_LEVEL="0").stderr


def test_level_1_shows_warnings(start):
    shown = start(NATIVE, TF_CPP_MIN_LOG_LEVEL="1").stderr
    assert "a warning" in shown
    assert "oneDNN" not in shown


def test_errors_and_output_of_others_are_shown(start):
    done = start(f"{NATIVE}{REAL}\nwords of another library\n")
    assert REAL in done.stderr
    assert "words of another library\n" in done.stderr


def test_cuda_error_is_shown_only_with_a_gpu(start):
    shown = start(NATIVE, script="petseg.core.quiet.has_nvidia_gpu = lambda: True").stderr
    assert "failed call to cuInit" in shown


def test_gpu_search_is_filtered(start):
    listing = "os.write(2, b'I0000 00:00:1 1 gpu.cc:1] none\\n')"
    assert start("", devices=listing).stderr == ""


def test_last_message_of_crash_is_shown(start):
    done = start(f"{NATIVE}{FATAL}\n", more="os.abort()")
    assert done.returncode == -signal.SIGABRT
    assert FATAL in done.stderr


def test_import_error_keeps_its_traceback(start):
    done = start(NATIVE, more="raise ImportError('no such library')")
    assert done.returncode == 1
    assert "ImportError: no such library" in done.stderr


def test_stderr_is_unfiltered_after_the_import(start):
    script = "import atexit, os; atexit.register(os.write, 2, b'I0000 of us')"
    assert start(NATIVE, script=script).stderr.strip() == "I0000 of us"


def test_real_tensorflow_starts_silently():
    script = (
        "import petseg, tensorflow as tf, logging\n"
        "tf.function(lambda x: x + 1, jit_compile=True)(tf.ones(3))\n"
        "from absl import logging\n"
        "logging.warning('of TensorFlow Datasets')"
    )
    done = run_python("-c", script, without="TF_CPP")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
