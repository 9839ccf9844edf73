"""Scores by breed: which pets a network finds hard."""

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from pandas import DataFrame

from petseg.figures.palette import NetworkStyle, network_styles
from petseg.figures.style import FAINT, house_style, save

LINE = 0.2
"""The height of a breed's line in inches."""
SPECIES_TITLES = {"cat": "Cats", "dog": "Dogs"}


def per_breed(table: DataFrame, path: Path) -> None:
    """Draws the pet IoU of each breed as dots, a panel a species, and writes a PNG file.

    Within a species, breeds are sorted by the score of the network that appears first in the
    table, the best on top.

    Args:
        table: a row for each breed and network, with the columns `breed`, `species`
            ("cat" or "dog"), `network` and `pet_iou` (0..1, or NaN for no score); others are
            ignored.
        path: the file to write.

    Raises:
        ValueError: if the table is empty, or holds a breed and network twice.
    """
    if table.empty:
        raise ValueError("no breed to draw")
    styles = network_styles(table["network"].unique())
    scores = table.pivot(index=["species", "breed"], columns="network", values="pet_iou")
    scores = scores.sort_values(next(iter(styles)), kind="stable", na_position="first")
    species = sorted(table["species"].unique())
    counts = [len(scores.loc[name]) for name in species]

    with house_style():
        height = LINE * sum(counts) + 0.45 * len(species) + 0.9
        figure = Figure(figsize=(6.4, height), layout="constrained")
        panels = figure.subplots(len(species), 1, squeeze=False, sharex=True, height_ratios=counts)[
            :, 0
        ]
        for axes, name in zip(panels, species, strict=True):
            _draw(axes, scores.loc[name], styles)
            axes.set_title(SPECIES_TITLES.get(name, name), loc="left", fontweight="bold")
        panels[-1].set_xlabel("pet IoU")
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper right", ncols=len(styles))
        save(figure, path)


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
    axes.set_yticks(lines, [display_name(breed) for breed in scores.index])
    axes.set_ylim(-0.6, len(scores) - 0.4)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)


def display_name(breed: str) -> str:
    """A breed's name for readers: `american_bulldog` becomes `American Bulldog`."""
    return " ".join(word[:1].upper() + word[1:] for word in breed.split("_"))
