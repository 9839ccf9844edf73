"""Marks of tests."""

import os

import pytest

without_warnings = pytest.mark.filterwarnings("error", "ignore:unclosed:ResourceWarning")
"""Any warning fails the test, but not those about what another test left open."""

in_half_precision = pytest.mark.skipif(
    os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0"
    and os.environ.get("ONEDNN_MAX_CPU_ISA", "").startswith(("SSE", "AVX2")),
    reason="oneDNN, told to leave a CPU's AVX-512 alone, refuses what TensorFlow asks it for",
)
"""For what is computed in bfloat16 or float16.

TensorFlow hands both to oneDNN where the CPU knows them, whatever ONEDNN_MAX_CPU_ISA says.
"""
