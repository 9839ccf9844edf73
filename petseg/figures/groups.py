"""Scores by group of images."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from petseg.figures.palette import NetworkStyle, network_styles, shortened
from petseg.figures.style import FAINT, house_style, save

LINE = 0.2
"""A group's height in inches."""
MOST_LINES = 60
"""Lines in a panel; of more groups, only the lowest scores are shown."""


def per_group(table: DataFrame, path: Path) -> None:
    """Draws groups' mean IoU in a panel per group column; writes a PNG file.

    The first network's score sorts the groups, the best on top.

    Args:
        table: from `tables.per_group`: `column`, `group`, `network`, and `mean_iou`, 0..1 or NaN.

    Raises:
        ValueError: if the table is empty, or contains a group and network twice.
    """
    if table.empty:
        raise ValueError("no group to draw")
    styles = network_styles(table["network"].unique())
    panels = {
        column: part.pivot(index="group", columns="network", values="mean_iou").sort_values(
            next(iter(styles)), kind="stable", na_position="first"
        )
        for column, part in table.groupby("column", sort=False)
    }
    titles = [_title(str(column), len(scores)) for column, scores in panels.items()]
    shown = [scores.head(MOST_LINES) for scores in panels.values()]
    counts = list(map(len, shown))

    with house_style():
        height = LINE * sum(counts) + 0.45 * len(counts) + 0.9
        figure = Figure(figsize=(6.4, height), layout="constrained")
        axes = figure.subplots(len(counts), 1, squeeze=False, sharex=True, height_ratios=counts)
        for panel, title, scores in zip(axes[:, 0], titles, shown, strict=True):
            _draw(panel, scores, styles)
            panel.set_title(title, loc="left", fontweight="bold")
        axes[-1, 0].set_xlabel("mean IoU")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=len(styles))
        save(figure, path)


def _title(column: str, groups: int) -> str:
    lowest = f": the {MOST_LINES} lowest of {groups}" if groups > MOST_LINES else ""
    return shortened(column) + lowest


def _draw(axes: Axes, scores: DataFrame, styles: dict[str, NetworkStyle]) -> None:
    lines = range(len(scores))
    axes.hlines(lines, scores.min(axis=1), scores.max(axis=1), color=FAINT, linewidth=3)
    for network, style in styles.items():
        axes.plot(
            scores[network],
            lines,
            linestyle="none",
            marker=style.marker,
            color=style.colour,
            markeredgecolor="white",
            markeredgewidth=0.5,
            markersize=6.5,
            label=style.name,
        )
    axes.set_yticks(lines, [shortened(group) for group in scores.index])
    axes.set_ylim(-0.6, len(scores) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
