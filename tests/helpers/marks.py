"""Marks for tests."""

import os

import pytest

without_warnings = pytest.mark.filterwarnings("error", "ignore:unclosed:ResourceWarning")
"""Fails a test on any warning, except warnings about files that another test left open."""

in_half_precision = pytest.mark.skipif(
    os.environ.get("TF_ENABLE_ONEDNN_OPTS") != "0"
    and os.environ.get("ONEDNN_MAX_CPU_ISA", "").startswith(("SSE", "AVX2")),
    reason="oneDNN limited to AVX2 or SSE refuses half precision on a CPU with AVX-512",
)
"""For tests that compute in bfloat16 or float16.

TensorFlow passes both to oneDNN if the CPU supports them, whatever the value of ONEDNN_MAX_CPU_ISA.
"""
