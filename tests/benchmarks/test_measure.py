"""Benchmark arithmetic: rivals run in turn, ratios are within a round, failures are reported."""

import os
import subprocess
import sys

import pytest

from benchmarks import measure
from benchmarks.measure import Comparison
from tests.helpers import ROOT

COUNTER = """
import json, pathlib, sys
log = pathlib.Path(sys.argv[1]); log.write_text(log.read_text() + sys.argv[2])
value = float(sys.argv[3]) * len(log.read_text())
print("noise"); print(json.dumps({"value": value, "peak_memory_mib": value}))
"""


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "log"
    path.write_text("")
    return path


def commands(log, theirs: float, ours: float) -> list[list[str]]:
    return [
        [sys.executable, "-c", COUNTER, str(log), side, str(value)]
        for side, value in (("t", theirs), ("o", ours))
    ]


def test_rivals_run_in_turn_and_the_ratio_of_rates_is_ours_over_theirs(log):
    result = measure.compare(Comparison("title", "images/s", *commands(log, 1, 1)), rounds=3)
    assert log.read_text() == "tototo"
    assert result["theirs"] == {"median": 3, "low": 1, "high": 5}
    assert result["ours"] == {"median": 4, "low": 2, "high": 6}
    assert result["ratio"]["median"] == pytest.approx(4 / 3)
    assert result["peak_memory_mib"] == {"theirs": 5, "ours": 6}


def test_ratio_of_seconds_is_theirs_over_ours(log):
    result = measure.compare(Comparison("title", "s", *commands(log, 8, 1)), rounds=1)
    assert result["ratio"]["median"] == pytest.approx(8 / 2)


def test_measured_process_starts_without_our_tensorflow_settings():
    """Runs in a separate process, because other tests here may have set them."""
    show = [sys.executable, "-c", "import os, json; print(json.dumps(dict(os.environ)))"]
    code = f"import benchmarks, petseg; from benchmarks import measure; print(measure._run({show}))"
    clean = {k: v for k, v in os.environ.items() if k != "TF_ENABLE_ONEDNN_OPTS"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=clean, capture_output=True)
    assert b"PATH" in done.stdout
    assert b"TF_ENABLE_ONEDNN_OPTS" not in done.stdout


def test_table_has_a_row_per_comparison(log):
    result = measure.compare(Comparison("a title", "s", *commands(log, 8, 1)), rounds=1)
    assert measure.table([result]).splitlines()[-1] == (
        "| a title | s | 8 (8 to 8) | 2 (2 to 2) | 4 (4 to 4) | 8 | 2 |"
    )


def test_failed_run_is_reported_with_its_reason():
    broken = [sys.executable, "-c", "raise SystemExit('no such pet')"]
    with pytest.raises(RuntimeError, match="no such pet"):
        measure.compare(Comparison("title", "s", broken, broken), rounds=1)


def test_report_prints_the_value_in_the_last_line(capsys):
    measure.report(2.5)
    assert '"value": 2.5' in capsys.readouterr().out.splitlines()[-1]
