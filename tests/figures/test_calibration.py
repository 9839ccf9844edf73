"""Reliability diagrams."""

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from petseg.figures import calibration


def table(shift: float) -> pd.DataFrame:
    middles = (np.arange(15) + 0.5) / 15
    columns = {}
    for end in ("", "_at_temperature"):
        columns |= {f"confidence{end}": middles, f"accuracy{end}": middles - shift}
        columns |= {f"pixels{end}": np.arange(15)}
    return pd.DataFrame(columns)


def test_reliability_has_a_panel_per_network(tmp_path):
    for count, names in enumerate((["unet"], ["unet", "shallow"]), start=1):
        path = tmp_path / f"{count}.png"
        calibration.reliability({name: table(0.1) for name in names}, path)
    one, two = (Image.open(tmp_path / f"{count}.png") for count in (1, 2))
    assert two.width == 2 * one.width and two.height == one.height
    assert len(np.unique(np.asarray(one.convert("L")))) > 20


def test_reliability_without_networks_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no network"):
        calibration.reliability({}, tmp_path / "none.png")
