"""Shared style of all figures."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.style
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from petseg.core.dataset_spec import DatasetSpec
from petseg.core.files import atomic_file
from petseg.figures.palette import legend_labels, shortened

DPI = 120
INK = "0.15"
"""Grey of text and axes."""
FAINT = "0.85"
"""Grey of grids and guide lines."""

SETTINGS = {
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "figure.titlesize": 11,
    "figure.titleweight": "bold",
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.6,
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.w_pad": 0.06,
}


@contextmanager
def house_style() -> Iterator[None]:
    """Overrides matplotlibrc, so that figures look the same everywhere."""
    with matplotlib.style.context(["default", SETTINGS]):
        yield


def class_handles(spec: DatasetSpec, present: Iterable[int]) -> list[Patch]:
    """Returns a legend entry for each class of `legend_labels`."""
    return [
        Patch(facecolor=spec.colours[one], edgecolor="none", label=shortened(spec.class_names[one]))
        for one in legend_labels(spec, present)
    ]


def save(figure: Figure, path: Path) -> None:
    """Writes a PNG atomically; the same figure gives the same bytes.

    These depend on the versions of matplotlib and its fonts, but do not name them.
    """
    with atomic_file(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})
