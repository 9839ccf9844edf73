"""Polygons in pet units: the animal is about 1 high, its centre is (0, 0), and y points down.

Angles are in radians.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

ToPixels = Callable[[np.ndarray], list[float]]
"""Maps (N, 2) points in pet units to pixels, as a flat list x, y, x, y, ..."""


class Part(NamedTuple):
    """A polygon: (N, 2) points in pet units, lightness 0..1, a colour or None for fur."""

    points: np.ndarray
    tone: float = 1.0
    paint: str | None = None


def ellipse(x, y, rx, ry, angle=0.0, shaggy=0.0) -> np.ndarray:
    """Returns points around (x, y), float64 (48, 2), with tufts of depth `shaggy`."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = 1 + shaggy * np.abs(np.sin(turn * 8))
    points = np.stack([rx * radius * np.cos(turn), ry * radius * np.sin(turn)], axis=1)
    return np.add(rotate(points, angle), (x, y))


def limb(points, thick: float, thin: float) -> np.ndarray:
    """Returns a limb with round ends along a quadratic Bézier curve: float64 (48, 2).

    The half width goes from `thick` to `thin`.
    """
    start, bend, end = np.asarray(points, dtype=float)
    t = np.linspace(0, 1, 24)[:, None]
    middle = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
    along = np.gradient(middle, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    across *= (thick + (thin - thick) * t) * np.sqrt(np.minimum(1, np.minimum(t, 1 - t) / 0.12))
    return np.concatenate([middle + across, (middle - across)[::-1]])


def rotate(points: np.ndarray, angle: float) -> np.ndarray:
    """Rotates (N, 2) points about (0, 0)."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return points @ np.array([[cosine, sine], [-sine, cosine]])
