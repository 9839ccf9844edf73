"""Marks of tests."""

import os

import pytest

without_warnings = pytest.mark.filterwarnings("error", "ignore:unclosed:ResourceWarning")
"""Any warning fails the test, but not those about what another test left open."""

in_bfloat16 = pytest.mark.skipif(
    os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0"
    and os.environ.get("ONEDNN_MAX_CPU_ISA", "").startswith(("SSE", "AVX2")),
    reason="oneDNN, told to leave a CPU's AVX-512 alone, refuses what TensorFlow asks it for",
)
"""For what is computed in bfloat16.

TensorFlow hands bfloat16 to oneDNN where the CPU knows it, whatever ONEDNN_MAX_CPU_ISA says.
"""
