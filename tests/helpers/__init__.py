"""What several files of tests share; `from tests.helpers import ...`."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The checkout."""
