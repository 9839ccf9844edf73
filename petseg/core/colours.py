"""Display colours for classes that have none in dataset.yaml."""

from colorsys import hls_to_rgb

_OKABE_ITO = (
    "#E69F00", "#0072B2", "#000000", "#56B4E9", "#009E73", "#D55E00", "#CC79A7", "#F0E442",
)  # fmt: skip
"""A palette for colour-blind readers: https://jfly.uni-koeln.de/color/."""

_GOLDEN_RATIO = 0.618034


def colour_of(label: int) -> str:
    """Returns a colour for a label: first those of Okabe and Ito, then well separated hues."""
    if label < len(_OKABE_ITO):
        return _OKABE_ITO[label]
    turn = label * _GOLDEN_RATIO % 1
    lightness = (0.35, 0.5, 0.65)[label % 3]
    return "#" + "".join(f"{round(255 * part):02X}" for part in hls_to_rgb(turn, lightness, 0.65))
