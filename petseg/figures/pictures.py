"""Images overlaid with true, augmented and predicted masks."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from petseg.core.dataset_spec import DatasetSpec
from petseg.figures.palette import network_styles, overlay
from petseg.figures.style import FAINT, class_handles, house_style, save

MASK_ALPHA = 0.6
"""Opacity of a mask: class colours dominate, the image shows through."""
AUGMENTED_ALPHA = 0.4
"""Lower, so that changes of the image's own colours are visible too."""
PANEL = 1.7
"""Side of a square picture in inches; other shapes have about the same area."""
LEGEND_LETTERS_PER_INCH = 11
"""Legend letters in an inch of the figure's width."""
LINE = 0.14
"""Height of a line of a name in inches."""
LETTERS_PER_INCH = 9
"""Title letters in an inch of the figure's width."""


def samples(
    images: np.ndarray,
    masks: np.ndarray,
    augmented: Sequence[tuple[np.ndarray, np.ndarray]],
    names: Iterable[str],
    spec: DatasetSpec,
    path: Path,
) -> None:
    """Draws training images, their masks and augmented versions; writes a PNG file.

    Args:
        images: uint8 (K, H, W, 3), RGB.
        masks: labels or VOID, uint8 (K, H, W).
        augmented: by image, N versions, uint8 (N, H, W, 3), and masks, uint8 (N, H, W).

    Raises:
        ValueError: if there is no image, the lengths differ, or a label is unknown.
    """
    versions = {len(part) for pair in augmented for part in pair}
    if len(versions) > 1:
        raise ValueError(f"the numbers of augmented versions differ: {versions}")
    headings = ["image", "mask"]
    headings += [f"augmented {number}" for number in range(1, max(versions, default=0) + 1)]
    rows = [
        [image, overlay(image, mask, spec, MASK_ALPHA)]
        + [overlay(*version, spec, AUGMENTED_ALPHA) for version in zip(*pair, strict=True)]
        for image, mask, pair in zip(images, masks, augmented, strict=True)
    ]
    handles = class_handles(spec, _present([masks, *(masks for _, masks in augmented)]))
    _draw_rows(rows, headings, names, handles, path)


def predictions(
    images: np.ndarray,
    truths: np.ndarray,
    predicted: dict[str, np.ndarray],
    ious: dict[str, np.ndarray],
    names: Sequence[str],
    spec: DatasetSpec,
    path: Path,
    title: str,
) -> None:
    """Draws images, true masks, and each network's masks and scores; writes a PNG file.

    Args:
        images: uint8 (K, H, W, 3), RGB.
        truths: labels or VOID, uint8 (K, H, W).
        predicted: by network, labels, uint8 (K, H, W).
        ious: by network, the images' mean IoU, float (K,) in 0..1 or NaN.

    Raises:
        ValueError: if there is no image, lengths or networks differ, or a label is unknown.
    """
    if predicted.keys() != ious.keys():
        raise ValueError(f"got masks of {list(predicted)}, but scores of {list(ious)}")
    styles = network_styles(predicted)
    rows = [
        [image, *(overlay(image, mask, spec, MASK_ALPHA) for mask in masks)]
        for image, *masks in zip(images, truths, *predicted.values(), strict=True)
    ]
    scores = list(zip(*(ious[network] for network in predicted), strict=True))
    titles = [["", "", *map(_score, row)] for row in scores]
    headings = ["image", "truth", *(style.name for style in styles.values())]
    handles = class_handles(spec, _present([truths, *predicted.values()]))
    _draw_rows(rows, headings, names, handles, path, titles, title)


def _draw_rows(
    rows: list[list[np.ndarray]],
    headings: list[str],
    names: Iterable[str],
    handles: list[Patch],
    path: Path,
    titles: list[list[str]] | None = None,
    suptitle: str | None = None,
) -> None:
    if not rows:
        raise ValueError("no image to draw")
    titles = titles or [[""] * len(headings)] * len(rows)
    with house_style():
        width, height = _panel_size(rows[0][0])
        row_height = height + (0.22 if any(titles[0]) else 0.1)
        figure_width = width * len(headings) + 1.4
        columns = _columns(handles, figure_width)
        legend_height = 0.2 * (math.ceil(len(handles) / columns) - 1)
        size = (figure_width, row_height * len(rows) + 0.9 + legend_height)
        figure = Figure(figsize=size, layout="compressed")
        panels = figure.subplots(len(rows), len(headings), squeeze=False)
        for line, pictures, line_titles, name in zip(panels, rows, titles, names, strict=True):
            for axes, picture, title in zip(line, pictures, line_titles, strict=True):
                _show(axes, picture, title)
            text = _broken(name, lines=int(height / LINE))
            line[0].set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8)
        for axes, heading in zip(panels[0], headings, strict=True):
            _head(axes, heading, above=14 if any(titles[0]) else 0)
        if suptitle:
            figure.suptitle(textwrap.fill(suptitle, width=int(figure_width * LETTERS_PER_INCH)))
        figure.legend(handles=handles, loc="outside lower center", ncols=columns)
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


def _broken(name: str, lines: int) -> str:
    """Breaks a name, if possible after underscores; keeps the last `lines`."""
    broken = textwrap.wrap(name.replace("_", "_ "), width=16, break_long_words=True)
    if len(broken) > lines:
        broken = ["…", *broken[1 - lines :]] if lines > 1 else broken[-1:]
    return "\n".join(line.replace("_ ", "_") for line in broken)


def _present(masks: Iterable[np.ndarray]) -> set[int]:
    """Returns the labels in masks."""
    return {label for mask in masks for label in np.unique(mask).tolist()}


def _panel_size(picture: np.ndarray) -> tuple[float, float]:
    """Returns width and height in inches; limits aspect ratios."""
    height, width = picture.shape[:2]
    stretch = min(max(math.sqrt(width / height), 0.6), 1.8)
    return PANEL * stretch, PANEL / stretch


def _columns(handles: list[Patch], width: float) -> int:
    """Returns how many legend columns fit in `width` inches."""
    longest = max((len(str(handle.get_label())) for handle in handles), default=0)
    fitting = int(width * LEGEND_LETTERS_PER_INCH / (longest + 6))
    return max(1, min(len(handles), fitting))
