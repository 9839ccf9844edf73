"""The benchmark's arithmetic: rivals in turn, ratios within a round, failures told."""

import sys

import pytest

from benchmarks import measure
from benchmarks.measure import Comparison
from tests.helpers.processes import run_python

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


def test_rivals_take_turns_and_a_rate_counts_ours_over_theirs(log):
    result = measure.compare(Comparison("title", "images/s", *commands(log, 1, 1)), rounds=3)
    assert log.read_text() == "tototo"
    assert result["theirs"] == {"median": 3, "low": 1, "high": 5}
    assert result["ours"] == {"median": 4, "low": 2, "high": 6}
    assert result["ratio"]["median"] == pytest.approx(4 / 3)
    assert result["peak_memory_mib"] == {"theirs": 5, "ours": 6}


def test_seconds_count_theirs_over_ours(log):
    result = measure.compare(Comparison("title", "s", *commands(log, 8, 1)), rounds=1)
    assert result["ratio"]["median"] == pytest.approx(8 / 2)


def test_what_is_measured_starts_without_our_settings_of_tensorflow():
    """In a process of its own, as what else runs here may have set them first."""
    show = [sys.executable, "-c", "import os, json; print(json.dumps(dict(os.environ)))"]
    code = f"import benchmarks, petseg; from benchmarks import measure; print(measure._run({show}))"
    done = run_python("-c", code, without="TF_ENABLE_ONEDNN_OPTS")
    assert "PATH" in done.stdout
    assert "TF_ENABLE_ONEDNN_OPTS" not in done.stdout


def test_the_table_has_a_row_a_comparison(log):
    result = measure.compare(Comparison("a title", "s", *commands(log, 8, 1)), rounds=1)
    assert measure.table([result]).splitlines()[-1] == (
        "| a title | s | 8 (8 to 8) | 2 (2 to 2) | 4 (4 to 4) | 8 | 2 |"
    )


def test_a_failed_run_is_told_with_its_reason():
    broken = [sys.executable, "-c", "raise SystemExit('no such pet')"]
    with pytest.raises(RuntimeError, match="no such pet"):
        measure.compare(Comparison("title", "s", broken, broken), rounds=1)


def test_report_is_the_last_line_that_compare_reads(capsys):
    measure.report(2.5)
    assert '"value": 2.5' in capsys.readouterr().out.splitlines()[-1]
