"""Confusion matrices: where the pixels of each true class went."""

from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from petseg.core.classes import CLASS_NAMES, NUM_CLASSES
from petseg.figures.palette import network_styles
from petseg.figures.style import INK, house_style, save

COLOURS = colormaps["Blues"].with_extremes(bad="0.92")
WHITE_ABOVE = 0.67
"""The share at which white and dark text have the same contrast with their cell."""
PANEL = 2.9
"""The width of a panel in inches."""


def confusion_matrices(matrices: dict[str, np.ndarray], path: Path) -> None:
    """Draws a confusion matrix for each network, normalised by row, and writes a PNG file.

    Args:
        matrices: for each network the number of pixels by true class (rows) and predicted class
            (columns), int64 (NUM_CLASSES, NUM_CLASSES). A class without pixels shows dashes.
        path: the file to write.

    Raises:
        ValueError: if there is no network, or a matrix has another shape.
    """
    if not matrices:
        raise ValueError("no network to draw the confusion matrix of")
    styles = network_styles(matrices)
    with house_style():
        figure = Figure(figsize=(PANEL * len(matrices) + 1.4, 3.2), layout="constrained")
        panels = figure.subplots(1, len(matrices), squeeze=False, sharey=True)[0]
        for axes, (network, matrix) in zip(panels, matrices.items(), strict=True):
            image = _draw(axes, share_of_row(matrix))
            axes.set_title(styles[network].name)
        panels[0].set_ylabel("true class")
        figure.colorbar(image, ax=panels, label="share of the true class", shrink=0.85)
        save(figure, path)


def share_of_row(matrix: np.ndarray) -> np.ndarray:
    """Each count as a share of its row: float64 in 0..1, NaN in a row without counts.

    Raises:
        ValueError: if the shape is not (NUM_CLASSES, NUM_CLASSES).
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    if matrix.shape != (NUM_CLASSES, NUM_CLASSES):
        raise ValueError(f"a confusion matrix of {NUM_CLASSES} classes, got {matrix.shape}")
    totals = matrix.sum(axis=1, keepdims=True)
    return np.divide(matrix, totals, out=np.full_like(matrix, np.nan), where=totals > 0)


def _draw(axes: Axes, shares: np.ndarray) -> AxesImage:
    image = axes.imshow(shares, cmap=COLOURS, norm=Normalize(0, 1))
    for (row, column), share in np.ndenumerate(shares):
        text = "–" if np.isnan(share) else f"{share:.1%}"
        colour = "white" if share > WHITE_ABOVE else INK
        axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=11)
    axes.set_xticks(range(NUM_CLASSES), CLASS_NAMES)
    axes.set_yticks(range(NUM_CLASSES), CLASS_NAMES)
    axes.set_xlabel("predicted class")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return image
