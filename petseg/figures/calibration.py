"""Reliability diagrams: accuracy over confidence."""

from pathlib import Path

from matplotlib.figure import Figure
from pandas import DataFrame

from petseg.figures.palette import network_styles
from petseg.figures.style import FAINT, house_style, save

LINES = {"": ("-", "as it is"), "_at_temperature": (":", "at its temperature")}
"""Column suffix -> line style and label."""


def reliability(tables: dict[str, DataFrame], path: Path) -> None:
    """Draws each network's accuracy over confidence; writes a PNG file.

    Args:
        tables: by network, a row per bin: `confidence`, `accuracy`, `pixels`, and the same with
            the suffix `_at_temperature`, for scaled logits. Bins without pixels are left out.

    Raises:
        ValueError: if there is no network.
    """
    if not tables:
        raise ValueError("no network to draw the reliability of")
    styles = network_styles(tables)
    with house_style():
        figure = Figure(figsize=(3.2 * len(tables), 3.2), layout="constrained")
        panels = figure.subplots(1, len(tables), squeeze=False, sharey=True)[0]
        for axes, (network, table) in zip(panels, tables.items(), strict=True):
            style = styles[network]
            axes.plot([0, 1], [0, 1], color=FAINT, zorder=0)
            for end, (line, label) in LINES.items():
                known = table[table[f"pixels{end}"] > 0]
                axes.plot(
                    known[f"confidence{end}"],
                    known[f"accuracy{end}"],
                    line,
                    marker="o",
                    markersize=3,
                    color=style.colour,
                    label=label,
                )
            axes.set(xlim=(0, 1), ylim=(0, 1), title=style.name, xlabel="confidence")
            axes.legend(loc="upper left")
        panels[0].set_ylabel("accuracy")
        save(figure, path)
