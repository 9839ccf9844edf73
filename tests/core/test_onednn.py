"""Importing petseg enables oneDNN in TensorFlow by default."""

import platform

import pytest

from tests.helpers.processes import run_python

SHOW = "import os, petseg; print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"


def set_by_import(**wanted: str) -> str:
    done = run_python("-c", SHOW, without="TF_ENABLE_ONEDNN_OPTS", **wanted)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="measured on x86 only"
)
def test_onednn_is_on_by_default():
    assert set_by_import() == "1"


def test_environment_overrides_onednn_default():
    assert set_by_import(TF_ENABLE_ONEDNN_OPTS="0") == "0"
