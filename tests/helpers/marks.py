"""Marks of tests that are stricter than the others."""

import pytest

without_warnings = pytest.mark.filterwarnings(
    "error", "ignore:unclosed (event loop|<socket):ResourceWarning"
)
"""Any warning fails the test, but not those about what another test's web page left behind."""
