"""The benchmark stops at the first epoch that reaches the goal, and reports it."""

import sys

import pytest

from benchmarks.time_to_quality import until_reached
from petseg.core.errors import PetsegError

TRAINING = """
import pathlib, sys, time
curve, rows = pathlib.Path(sys.argv[1]), ["epoch,val_mean_iou"]
for epoch, quality in enumerate((0.5, 0.7, 0.9), 1):
    rows.append(f"{epoch},{quality}")
    part = curve.with_suffix(".part")
    part.write_text("\\n".join(rows))
    part.replace(curve)
    time.sleep(0.5)
"""


def training(curve) -> list[str]:
    return [sys.executable, "-c", TRAINING, str(curve)]


def test_training_stops_at_the_first_epoch_that_reaches_the_goal(tmp_path):
    curve = tmp_path / "curve.csv"
    found = until_reached(training(curve), curve, 0.6)
    assert (found["epochs"], found["val_mean_iou"]) == (2, 0.7)
    assert found["seconds"] > 0.5


def test_unreached_goal_is_an_error(tmp_path):
    curve = tmp_path / "curve.csv"
    with pytest.raises(PetsegError, match=r"without a validation mean IoU of 0\.9500"):
        until_reached(training(curve), curve, 0.95)
