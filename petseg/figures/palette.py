"""Colours and names of classes and networks in every figure.

Network colours are Okabe and Ito's, distinguishable by colour-blind readers
(https://jfly.uni-koeln.de/color/).
"""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from PIL import ImageColor

from petseg.core.dataset_spec import VOID, DatasetSpec

SKY_BLUE = "#56B4E9"
GREEN = "#009E73"
VERMILION = "#D55E00"
PURPLE = "#CC79A7"

VOID_COLOUR = "#D9D9D9"
"""Colour of uncounted pixels, if no image shows through."""
ALL_IN_LEGEND = 8
"""Classes up to which a legend lists all; of more, only those in the picture."""
LONGEST_NAME = 30
"""Letters in a figure after which a name is cut."""


class NetworkStyle(NamedTuple):
    """A network's look."""

    name: str
    colour: str
    marker: str


NETWORK_STYLES = {
    "unet": NetworkStyle("U-Net", VERMILION, "o"),
    "shallow": NetworkStyle("Shallow", SKY_BLUE, "s"),
}
SPARE_LOOKS = ((GREEN, "D"), (PURPLE, "^"))
"""Looks of further networks, in turn."""


def network_styles(networks: Iterable[str]) -> dict[str, NetworkStyle]:
    """Returns networks' styles, in order; unknown ones keep raw names."""
    networks = list(networks)
    unknown = [network for network in networks if network not in NETWORK_STYLES]
    spare = {
        network: NetworkStyle(network, *SPARE_LOOKS[position % len(SPARE_LOOKS)])
        for position, network in enumerate(unknown)
    }
    return {network: NETWORK_STYLES.get(network) or spare[network] for network in networks}


def shortened(name: str) -> str:
    """Cuts a name to LONGEST_NAME letters."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…"


def colour_mask(mask: np.ndarray, spec: DatasetSpec) -> np.ndarray:
    """Paints a mask, integer (H, W), in class colours and VOID_COLOUR: RGB uint8 (H, W, 3).

    Raises:
        ValueError: if a label is neither a class nor VOID.
    """
    mask = np.asarray(mask)
    last = len(spec.classes) - 1
    unknown = mask[((mask < 0) | (mask > last)) & (mask != VOID)]
    if unknown.size:
        raise ValueError(f"labels must be in 0..{last}, or {VOID}; got {unknown[0]}")
    colours = np.array([ImageColor.getrgb(one) for one in (*spec.colours, VOID_COLOUR)], np.uint8)
    return colours.take(mask, axis=0, mode="clip")  # VOID is clipped to the last


def overlay(image: np.ndarray, mask: np.ndarray, spec: DatasetSpec, alpha: float) -> np.ndarray:
    """Blends an RGB image, uint8 (H, W, 3), with its mask's colours; leaves void pixels unchanged.

    Args:
        mask: labels or VOID, integer (H, W).
        alpha: share of the colours, 0..1.

    Returns:
        uint8 (H, W, 3), `(1 - alpha) * image + alpha * colour_mask(mask)`, rounded.

    Raises:
        ValueError: if the sizes differ, alpha is outside 0..1, or a label is unknown.
    """
    colours = colour_mask(mask, spec)
    if image.shape != colours.shape:
        raise ValueError(f"image of shape {image.shape} and mask of shape {mask.shape} differ")
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be in 0..1, got {alpha}")
    blended = np.rint((1 - alpha) * image + alpha * colours).astype(np.uint8)
    return np.where((mask == VOID)[..., None], image, blended)


def legend_labels(spec: DatasetSpec, present: Iterable[int]) -> list[int]:
    """Returns a legend's labels in order: all, or of many only those in `present`."""
    if len(spec.classes) <= ALL_IN_LEGEND:
        return list(range(len(spec.classes)))
    return sorted({int(label) for label in present} - {VOID})
