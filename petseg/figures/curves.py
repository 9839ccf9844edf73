"""Learning curves."""

from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from pandas import DataFrame

from petseg.figures.palette import NetworkStyle, network_styles
from petseg.figures.style import INK, house_style, save

TRAINING: dict[str, Any] = {"linestyle": (0, (4, 2)), "linewidth": 1.2, "markerfacecolor": "white"}
VALIDATION: dict[str, Any] = {"linestyle": "-", "linewidth": 1.8}
BEST: dict[str, Any] = {
    "linestyle": "none",
    "marker": "*",
    "markersize": 13,
    "markeredgecolor": INK,
}


def learning_curves(curves: dict[str, DataFrame], path: Path) -> None:
    """Draws networks' loss and mean IoU over the epochs; writes a PNG file.

    A star marks each curve's best validation epoch: the lowest loss, the highest mean IoU.

    Args:
        curves: by network, a row per epoch: `epoch` (from 1), `loss`, `val_loss`, `mean_iou` and
            `val_mean_iou`; numbers of epochs may differ. NaN leaves a gap.

    Raises:
        ValueError: if there is no network, or one has no epoch.
    """
    if not curves:
        raise ValueError("no network to draw the learning curves of")
    for network, curve in curves.items():
        if curve.empty:
            raise ValueError(f"the learning curve of {network} has no epoch")

    styles = network_styles(curves)
    with house_style():
        figure = Figure(figsize=(8.4, 3.8), layout="constrained")
        loss_axes, score_axes = figure.subplots(1, 2)
        for network, curve in curves.items():
            _draw(loss_axes, curve, "loss", styles[network], curve["val_loss"].min())
            _draw(score_axes, curve, "mean_iou", styles[network], curve["val_mean_iou"].max())

        last_epoch = max(curve["epoch"].max() for curve in curves.values())
        for axes, title in ((loss_axes, "Loss"), (score_axes, "Mean IoU")):
            axes.set_title(title, loc="left")
            axes.set_xlabel("epoch")
            axes.set_xlim(0.5, last_epoch + 0.5)
            axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True, min_n_ticks=1))
            axes.grid(axis="y")
        any_single = any(len(curve) == 1 for curve in curves.values())
        handles = _legend_handles(list(styles.values()), marker="o" if any_single else None)
        columns = len(handles) if len(curves) <= 2 else 3
        figure.legend(handles=handles, loc="outside lower center", ncols=columns)
        save(figure, path)


def _draw(axes: Axes, curve: DataFrame, column: str, style: NetworkStyle, best: float) -> None:
    # A single epoch has no line.
    marker = style.marker if len(curve) == 1 else None
    epochs, validation = curve["epoch"], curve[f"val_{column}"]
    axes.plot(epochs, curve[column], color=style.colour, marker=marker, **TRAINING)
    axes.plot(epochs, validation, color=style.colour, marker=marker, **VALIDATION)
    at_best = (validation == best).to_numpy().nonzero()[0][:1]
    axes.plot(epochs.iloc[at_best], validation.iloc[at_best], color=style.colour, **BEST, zorder=3)


def _legend_handles(styles: list[NetworkStyle], marker: str | None) -> list[Line2D]:
    networks = [Line2D([], [], color=style.colour, lw=4, label=style.name) for style in styles]
    return [
        *networks,
        Line2D([], [], color=INK, marker=marker, label="training", **TRAINING),
        Line2D([], [], color=INK, marker=marker, label="validation", **VALIDATION),
        Line2D([], [], color="white", label="best validation epoch", **BEST),
    ]
