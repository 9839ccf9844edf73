"""Importing petseg enables oneDNN in TensorFlow by default."""

import os
import platform
import subprocess
import sys

import pytest

from tests.helpers import ROOT

SHOW = "import os, petseg; print(os.environ.get('TF_ENABLE_ONEDNN_OPTS'))"


def set_by_import(**wanted: str) -> str:
    environment = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"} | wanted
    command = [sys.executable, "-c", SHOW]
    done = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.mark.skipif(
    platform.machine().lower() not in ("x86_64", "amd64"), reason="measured on x86 only"
)
def test_onednn_is_on_by_default():
    assert set_by_import() == "1"


def test_environment_overrides_onednn_default():
    assert set_by_import(TF_ENABLE_ONEDNN_OPTS="0") == "0"
