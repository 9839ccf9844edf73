"""Confusion matrices, normalised by true class."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from petseg.figures.palette import network_styles, shortened
from petseg.figures.style import INK, house_style, save

COLOURS = colormaps["Blues"].with_extremes(bad="0.92")
WHITE_ABOVE = 0.67
"""Share from which white text has more contrast than dark text."""
MOST_WITH_NUMBERS = 12
"""Classes up to which cells are large enough for numbers."""
LETTERS_PER_INCH = 14
"""Letters per inch at the largest font size."""


def confusion_matrices(
    matrices: dict[str, np.ndarray], class_names: Sequence[str], path: Path
) -> None:
    """Draws each network's confusion matrix, normalised by row; writes a PNG file.

    Args:
        matrices: pixels by true class (rows) and predicted class, int64 (C, C). Rows without
            pixels show dashes, or are grey.

    Raises:
        ValueError: if there is no network, or a matrix has another shape.
    """
    if not matrices:
        raise ValueError("no network to draw the confusion matrix of")
    styles = network_styles(matrices)
    names = [shortened(name) for name in class_names]
    panel = _panel(len(names))
    side = panel - 0.7
    longest = max(map(len, names)) / LETTERS_PER_INCH  # in inches
    upright = longest > side / len(names)
    # Space for long names: left of the first matrix, and below each one if upright.
    width = panel * len(matrices) + 1.4 + max(0, longest - 0.8)
    height = max(3.2, panel + 0.3) + longest * upright
    with house_style():
        figure = Figure(figsize=(width, height), layout="constrained")
        panels = figure.subplots(1, len(matrices), squeeze=False, sharey=True)[0]
        for axes, (network, matrix) in zip(panels, matrices.items(), strict=True):
            image = _draw(axes, share_of_row(matrix, len(names)), names, side, upright)
            axes.set_title(styles[network].name)
        panels[0].set_ylabel("true class")
        figure.colorbar(image, ax=panels, label="share of the true class", shrink=0.85)
        save(figure, path)


def share_of_row(matrix: np.ndarray, classes: int) -> np.ndarray:
    """Returns counts as shares of their rows: float64 in [0, 1], NaN in rows without counts.

    Raises:
        ValueError: if the shape is not (classes, classes).
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.shape != (classes, classes):
        raise ValueError(f"expected a confusion matrix of {classes} classes, got {matrix.shape}")
    totals = matrix.sum(axis=1, keepdims=True)
    return np.divide(matrix, totals, out=np.full_like(matrix, np.nan), where=totals > 0)


def _panel(classes: int) -> float:
    """Returns the width of a matrix and its names in inches."""
    if classes <= MOST_WITH_NUMBERS:
        return max(2.9, 0.7 + 0.45 * classes)
    return min(6.1 + 0.12 * (classes - MOST_WITH_NUMBERS), 16)


def _draw(
    axes: Axes, shares: np.ndarray, names: list[str], side: float, upright: bool
) -> AxesImage:
    image = axes.imshow(shares, cmap=COLOURS, norm=Normalize(0, 1))
    classes = range(len(names))
    cell = 72 * side / len(names)  # in points
    if len(names) <= MOST_WITH_NUMBERS:
        for (row, column), share in np.ndenumerate(shares):
            text = "–" if np.isnan(share) else f"{share:.1%}"
            colour = "white" if share > WHITE_ABOVE else INK
            size = min(11, cell / 4.2)
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=size)
    axes.set_xticks(classes, names, rotation=90 if upright else 0)
    axes.set_yticks(classes, names)
    axes.set_xlabel("predicted class")
    axes.tick_params(length=0, labelsize=min(8, 0.85 * cell))
    axes.spines[:].set_visible(False)
    return image
