"""The figure of intervals is reproducible and includes 0."""

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from petseg.figures import comparison
from petseg.metrics import bootstrap, scores
from tests.helpers.images import assert_drawn
from tests.helpers.marks import without_warnings

COLUMNS = ["mean_iou", "low", "high"]


def table(**rows: tuple[float, float, float]) -> pd.DataFrame:
    return pd.DataFrame.from_dict(rows, orient="index", columns=COLUMNS)


def bootstrapped(*networks: str) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    matrices = {name: rng.integers(1, 100, (20, 3, 3)) for name in networks}
    return table(**bootstrap.intervals(matrices, scores.mean_iou, 50, seed=0))


TABLES = {
    "one network": bootstrapped("unet"),
    "two": bootstrapped("unet", "shallow"),
    "three": bootstrapped("unet", "shallow", "a_third_network"),
    "identical": table(unet=(0.7, 0.7, 0.7), shallow=(0.7, 0.7, 0.7), unet_minus_shallow=(0, 0, 0)),
    "far from 0": table(
        unet=(0.9, 0.89, 0.91), shallow=(0.2, 0.19, 0.21), unet_minus_shallow=(0.7, 0.69, 0.71)
    ),
}


@without_warnings
@pytest.mark.parametrize("name", TABLES)
def test_figure_is_reproducible_and_not_clipped(name, tmp_path):
    path, again = tmp_path / "new" / "figure.png", tmp_path / "again.png"
    comparison.intervals(TABLES[name], path)
    comparison.intervals(TABLES[name], again)
    assert path.read_bytes() == again.read_bytes()
    assert_drawn(imread(path)[..., :3])


def test_panels_show_scores_and_differences(tmp_path, monkeypatch):
    drawn: list[Figure] = []
    monkeypatch.setattr(comparison, "save", lambda figure, path: drawn.append(figure))
    comparison.intervals(TABLES["far from 0"], tmp_path / "figure.png", level=0.9)
    upper, lower = drawn[0].axes
    assert "90%" in upper.get_title(loc="left")
    assert [text.get_text() for text in upper.get_yticklabels()] == ["U-Net", "Shallow"]
    assert [text.get_text() for text in lower.get_yticklabels()] == ["U-Net − Shallow"]
    assert lower.texts[0].get_text() == "+0.7000  [+0.6900, +0.7100]"
    low, high = lower.get_xlim()
    assert low < 0 < high
    assert upper.get_xlabel() and lower.get_xlabel()


def test_intervals_without_networks_are_refused():
    with pytest.raises(ValueError, match="no network"):
        comparison.intervals(table(unet_minus_shallow=(0, 0, 0)), "never.png")
