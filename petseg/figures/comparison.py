"""Networks' scores and differences, with intervals."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from petseg.figures.palette import NetworkStyle, network_styles
from petseg.figures.style import INK, house_style, save

MINUS = "_minus_"
"""Joins two networks in a difference's name."""
LINE = 0.3
"""An interval's height in inches."""
PANEL = 0.85
"""Height of a panel without lines, in inches."""


def intervals(table: DataFrame, path: Path, level: float = 0.95) -> None:
    """Draws mean IoU of networks and their differences with intervals; writes a PNG file.

    Args:
        table: `mean_iou`, `low` and `high` (the interval) of each network and difference, if any,
            indexed by name (`unet`, `shallow`, `unet_minus_shallow`).
        level: of the intervals, named in the title.

    Raises:
        ValueError: if the table has no network.
    """
    networks = [name for name in table.index if MINUS not in name]
    differences = [name for name in table.index if MINUS in name]
    if not networks:
        raise ValueError("no network to draw the interval of")
    styles = network_styles(networks)
    groups = [group for group in (networks, differences) if group]

    with house_style():
        height = LINE * len(table) + PANEL * len(groups)
        figure = Figure(figsize=(6.4, height), layout="constrained")
        panels = figure.subplots(
            len(groups), 1, squeeze=False, height_ratios=list(map(len, groups))
        )[:, 0]
        _draw(panels[0], table.loc[networks], [styles[name] for name in networks], "")
        panels[0].set_xlabel("mean IoU")
        panels[0].set_title(f"Test split, with {level:.0%} bootstrap intervals", loc="left")
        if differences:
            pairs = [[styles[name].name for name in pair.split(MINUS)] for pair in differences]
            looks = [NetworkStyle(f"{first} − {second}", INK, "o") for first, second in pairs]
            _draw(panels[1], table.loc[differences], looks, "+")
            panels[1].axvline(0, color=INK, linewidth=0.8, linestyle=(0, (4, 2)), zorder=1)
            panels[1].set_xlabel("difference in mean IoU")
        save(figure, path)


def _draw(axes: Axes, rows: DataFrame, looks: list[NetworkStyle], sign: str) -> None:
    for line, (look, (_, row)) in enumerate(zip(looks, rows.iterrows(), strict=True)):
        axes.plot([row["low"], row["high"]], [line, line], color=look.colour, linewidth=2.5)
        marker: dict[str, Any] = {
            "marker": look.marker,
            "markersize": 6.5,
            "markeredgecolor": "white",
        }
        axes.plot(row["mean_iou"], line, color=look.colour, **marker)
        score, low, high = (f"{row[key]:{sign}.4f}" for key in ("mean_iou", "low", "high"))
        text = f"{score}  [{low}, {high}]".replace("-", "−")
        axes.text(1.03, line, text, va="center", transform=axes.get_yaxis_transform())
    axes.set_yticks(range(len(looks)), [look.name for look in looks])
    axes.set_ylim(len(looks) - 0.4, -0.6)
    axes.margins(x=0.1)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
