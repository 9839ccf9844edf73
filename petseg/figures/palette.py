"""Colours and names of classes and networks, the same in every figure.

Class colours are those of the dataset's spec. Network colours are from the palette of Okabe and
Ito, which colour-blind readers can distinguish (https://jfly.uni-koeln.de/color/). Networks also
have different markers.
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
"""Of uncounted pixels, where no image shows through."""
ALL_IN_LEGEND = 8
"""A legend lists all classes up to this number; of more, only those in the picture."""
LONGEST_NAME = 30
"""Letters of a name in a figure; a longer name is cut at its end."""


class NetworkStyle(NamedTuple):
    """The look of a network in figures."""

    name: str
    colour: str
    marker: str


NETWORK_STYLES = {
    "unet": NetworkStyle("U-Net", VERMILION, "o"),
    "shallow": NetworkStyle("Shallow", SKY_BLUE, "s"),
}
SPARE_LOOKS = ((GREEN, "D"), (PURPLE, "^"))
"""Colours and markers of further networks, in turn."""


def network_styles(networks: Iterable[str]) -> dict[str, NetworkStyle]:
    """Returns the style of each network, in the given order; an unknown one keeps its raw name."""
    networks = list(networks)
    unknown = [network for network in networks if network not in NETWORK_STYLES]
    spare = {
        network: NetworkStyle(network, *SPARE_LOOKS[position % len(SPARE_LOOKS)])
        for position, network in enumerate(unknown)
    }
    return {network: NETWORK_STYLES.get(network) or spare[network] for network in networks}


def shortened(name: str) -> str:
    """Returns a name cut to at most LONGEST_NAME letters."""
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1].rstrip()}…"


def colour_mask(mask: np.ndarray, spec: DatasetSpec) -> np.ndarray:
    """Paints each pixel in the colour of its class, and void pixels in VOID_COLOUR.

    Args:
        mask: labels of the classes of `spec`, or VOID: an integer array (H, W).

    Returns:
        uint8 (H, W, 3), RGB.

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
    """Blends an image with the colours of its mask; void pixels stay unchanged.

    Args:
        image: uint8 (H, W, 3), RGB.
        mask: labels of the classes of `spec`, or VOID: an integer array (H, W).
        alpha: the share of the class colours, 0 (only the image) to 1 (only the mask).

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
    """Returns the labels in a legend, in order: all classes, or of many only those in `present`."""
    if len(spec.classes) <= ALL_IN_LEGEND:
        return list(range(len(spec.classes)))
    return sorted({int(label) for label in present} - {VOID})
