"""Colours and names: one look for each class and each network, the same in every figure.

All colours are of the set of Okabe and Ito, chosen to be told apart with colour-blind eyes
(https://jfly.uni-koeln.de/color/). The classes also differ in lightness (CIE L* of 71, 46 and 0),
so that they survive grey print, and the networks also differ in their markers.
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch

from petseg.core.classes import BACKGROUND, BORDER, CLASS_NAMES, NUM_CLASSES, PET

BLACK = "#000000"
ORANGE = "#E69F00"
SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
BLUE = "#0072B2"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"

CLASS_COLOURS = {PET: ORANGE, BACKGROUND: BLUE, BORDER: BLACK}
"""The colour of each label."""


class NetworkStyle(NamedTuple):
    """How a network appears in figures."""

    name: str
    colour: str
    marker: str


NETWORK_STYLES = {
    "unet": NetworkStyle("U-Net", VERMILION, "o"),
    "shallow": NetworkStyle("Shallow", SKY_BLUE, "s"),
}
SPARE_LOOKS = ((GREEN, "D"), (PURPLE, "^"))
"""Colours and markers of further networks, in their order; after the last comes the first."""


def network_styles(networks: Iterable[str]) -> dict[str, NetworkStyle]:
    """The style of each network, in the given order; an unknown one is shown by its raw name."""
    networks = list(networks)
    unknown = [network for network in networks if network not in NETWORK_STYLES]
    spare = {
        network: NetworkStyle(network, *SPARE_LOOKS[position % len(SPARE_LOOKS)])
        for position, network in enumerate(unknown)
    }
    return {network: NETWORK_STYLES.get(network) or spare[network] for network in networks}


def colour_mask(mask: np.ndarray) -> np.ndarray:
    """Paints each pixel in the colour of its class.

    Args:
        mask: labels, an integer array (H, W) with values 0 .. NUM_CLASSES - 1.

    Returns:
        uint8 (H, W, 3), RGB.

    Raises:
        ValueError: if a label is none of the classes.
    """
    mask = np.asarray(mask)
    if mask.size and not 0 <= mask.min() <= mask.max() < NUM_CLASSES:
        raise ValueError(f"labels lie in 0..{NUM_CLASSES - 1}, got {mask.min()}..{mask.max()}")
    return _class_rgb()[mask]


def overlay(image: np.ndarray, mask: np.ndarray, alpha: float) -> np.ndarray:
    """Blends an image with the colours of its mask.

    Args:
        image: uint8 (H, W, 3), RGB.
        mask: labels, an integer array (H, W) with values 0 .. NUM_CLASSES - 1.
        alpha: the share of the class colours, 0 (only the image) to 1 (only the mask).

    Returns:
        uint8 (H, W, 3), `(1 - alpha) * image + alpha * colour_mask(mask)`, rounded.

    Raises:
        ValueError: if the sizes differ, alpha leaves 0..1 or a label is none of the classes.
    """
    colours = colour_mask(mask)
    if image.shape != colours.shape:
        raise ValueError(f"image of shape {image.shape} and mask of shape {mask.shape} differ")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha lies in 0..1, got {alpha}")
    return np.rint((1 - alpha) * image + alpha * colours).astype(np.uint8)


def class_handles() -> list[Patch]:
    """Legend entries: a patch of colour for each class, in the order of the labels."""
    return [
        Patch(facecolor=CLASS_COLOURS[label], edgecolor="none", label=name)
        for label, name in enumerate(CLASS_NAMES)
    ]


def _class_rgb() -> np.ndarray:
    colours = [to_rgb(CLASS_COLOURS[label]) for label in range(NUM_CLASSES)]
    return np.rint(np.array(colours) * 255).astype(np.uint8)
