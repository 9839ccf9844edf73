"""Pictures: images with their masks laid over them, true, augmented and predicted."""

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from petseg.figures.palette import class_handles, network_styles, overlay
from petseg.figures.style import FAINT, house_style, save

MASK_ALPHA = 0.6
"""A mask laid over its image: class colours lead, the image shows through."""
AUGMENTED_ALPHA = 0.4
"""Weaker, as the change of the image's own colours has to be seen too."""
PANEL = 1.7
"""Width and height of a picture in inches."""
LETTERS_PER_INCH = 9
"""How many letters of the title fit in an inch of the figure's width."""


def samples(
    images: np.ndarray,
    masks: np.ndarray,
    augmented: Sequence[tuple[np.ndarray, np.ndarray]],
    names: Sequence[str],
    path: Path,
) -> None:
    """Draws training images, their masks and what augmentation makes of both, as PNG.

    Args:
        images: uint8 (K, H, W, 3), RGB.
        masks: labels, uint8 (K, H, W).
        augmented: for each image N versions: uint8 (N, H, W, 3) and their masks,
            uint8 (N, H, W); N is the same for all.
        names: of the K images.
        path: the file to write.

    Raises:
        ValueError: if there is no image, the lengths differ, or a label is no class.
    """
    versions = {len(part) for pair in augmented for part in pair}
    if len(versions) > 1:
        raise ValueError(f"as many augmented versions of each image, got {versions}")
    headings = ["image", "mask"]
    headings += [f"augmented {number}" for number in range(1, max(versions, default=0) + 1)]
    rows = [
        [image, overlay(image, mask, MASK_ALPHA)]
        + [overlay(*version, AUGMENTED_ALPHA) for version in zip(*pair, strict=True)]
        for image, mask, pair in zip(images, masks, augmented, strict=True)
    ]
    _draw_rows(rows, headings, names, path)


def predictions(
    images: np.ndarray,
    truths: np.ndarray,
    predicted: dict[str, np.ndarray],
    ious: dict[str, np.ndarray],
    names: Sequence[str],
    path: Path,
    title: str,
) -> None:
    """Draws images, their true masks and those of each network with its score, as PNG.

    Args:
        images: uint8 (K, H, W, 3), RGB.
        truths: true labels, uint8 (K, H, W).
        predicted: for each network its labels, uint8 (K, H, W).
        ious: for each network the mean IoU of each image, float (K,) in 0..1 or NaN.
        names: of the K images.
        path: the file to write.
        title: the line above the figure.

    Raises:
        ValueError: if there is no image, the lengths differ, a label is no class, or
            `predicted` and `ious` name different networks.
    """
    if predicted.keys() != ious.keys():
        raise ValueError(f"masks of {list(predicted)}, but scores of {list(ious)}")
    styles = network_styles(predicted)
    rows = [
        [image, *(overlay(image, mask, MASK_ALPHA) for mask in masks)]
        for image, *masks in zip(images, truths, *predicted.values(), strict=True)
    ]
    scores = list(zip(*(ious[network] for network in predicted), strict=True))
    titles = [["", "", *map(_score, row)] for row in scores]
    headings = ["image", "truth", *(style.name for style in styles.values())]
    _draw_rows(rows, headings, names, path, titles, title)


def _draw_rows(
    rows: list[list[np.ndarray]],
    headings: list[str],
    names: Sequence[str],
    path: Path,
    titles: list[list[str]] | None = None,
    suptitle: str | None = None,
) -> None:
    if not rows:
        raise ValueError("no image to draw")
    titles = titles or [[""] * len(headings)] * len(rows)
    with house_style():
        row_height = PANEL + (0.22 if any(titles[0]) else 0.1)
        size = (PANEL * len(headings) + 1.4, row_height * len(rows) + 0.9)
        figure = Figure(figsize=size, layout="compressed")
        panels = figure.subplots(len(rows), len(headings), squeeze=False)
        for line, pictures, line_titles, name in zip(panels, rows, titles, names, strict=True):
            for axes, picture, title in zip(line, pictures, line_titles, strict=True):
                _show(axes, picture, title)
            line[0].set_ylabel(_broken(name), rotation=0, ha="right", va="center", fontsize=8)
        for axes, heading in zip(panels[0], headings, strict=True):
            _head(axes, heading, above=14 if any(titles[0]) else 0)
        if suptitle:
            figure.suptitle(textwrap.fill(suptitle, width=int(size[0] * LETTERS_PER_INCH)))
        figure.legend(handles=class_handles(), loc="outside lower center", ncols=3)
        save(figure, path)


def _show(axes: Axes, picture: np.ndarray, title: str) -> None:
    axes.imshow(picture)
    axes.set_title(title, fontsize=9, pad=3)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set(visible=True, color=FAINT, linewidth=0.5)


def _head(axes: Axes, heading: str, above: float) -> None:
    axes.annotate(
        heading,
        (0.5, 1),
        (0, above + 4),
        xycoords="axes fraction",
        textcoords="offset points",
        ha="center",
        va="bottom",
        fontsize=10,
        fontweight="bold",
    )


def _score(iou: float) -> str:
    return "mean IoU –" if math.isnan(iou) else f"mean IoU {iou:.3f}"


def _broken(name: str) -> str:
    """The name on lines of at most 16 letters, broken after its underscores only."""
    lines = textwrap.wrap(name.replace("_", "_ "), width=16, break_long_words=True)
    return "\n".join(line.replace("_ ", "_") for line in lines)
