"""What a network found in one image, as pictures of the image's own size.

Made with Pillow, in bands where it matters: an image may have 200 million pixels.
"""

import numpy as np
from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFont

from petseg.core.classes import CLASS_NAMES, MASK_VALUES, PET
from petseg.figures.palette import CLASS_COLOURS, colour_mask, overlay

PET_ALPHA = 0.25
"""How strongly the pet is tinted: enough to see at once what was taken for it."""
OUTLINE_SHARE = 1 / 250
"""Width of an outline relative to the image's shorter side; at least one pixel."""
LEGEND_SHARE = 1 / 28
"""Height of the legend's letters relative to the image's longer side."""
SMALLEST_LETTERS = 11
BAND_PIXELS = 1 << 20
"""Pixels at a time, for the sake of memory."""


def label_picture(labels: np.ndarray) -> Image.Image:
    """Labels, uint8 (H, W), as a paletted picture: the dataset's mask values in class colours."""
    picture = Image.fromarray(np.asarray(MASK_VALUES, np.uint8)[labels], "P")
    colours = {MASK_VALUES[label]: colour for label, colour in CLASS_COLOURS.items()}
    entries = [colours.get(value, "white") for value in range(max(MASK_VALUES) + 1)]
    picture.putpalette([part for entry in entries for part in ImageColor.getrgb(entry)])
    return picture


def outlined(image: Image.Image, labels: np.ndarray) -> Image.Image:
    """An RGB image with each class outlined in its colour, the pet tinted, and a legend below.

    `labels` are uint8 (H, W), of the image's size. Each class is outlined on its own side of
    the boundary. Where the image is narrower than the legend, it is at the left.
    """
    lines = _outlines(labels, max(1, round(min(labels.shape) * OUTLINE_SHARE)))
    legend = _legend(labels, image.size)
    size = (max(image.width, legend.width), image.height + legend.height)
    picture = Image.new("RGB", size, "white")
    band = max(1, BAND_PIXELS // image.width)
    for top in range(0, image.height, band):
        bottom = min(top + band, image.height)
        rows = np.asarray(image.crop((0, top, image.width, bottom)))
        part, line = labels[top:bottom], lines[top:bottom]
        tinted = np.where((part == PET)[..., None], overlay(rows, part, PET_ALPHA), rows)
        drawn = np.where(line[..., None], colour_mask(part), tinted)
        picture.paste(Image.fromarray(drawn), (0, top))
    picture.paste(legend, (0, image.height))
    return picture


def cutout(image: Image.Image, opacity: np.ndarray) -> Image.Image:
    """The image, RGBA, as opaque as `opacity`, uint8 (H, W), says; black where it is 0.

    The image is RGB or RGBA; it becomes nowhere more opaque than it was.
    """
    alpha = Image.fromarray(opacity)
    if image.mode == "RGBA":
        alpha = ImageChops.multiply(alpha, image.getchannel("A"))
    picture = image.convert("RGBA")
    picture.putalpha(alpha)
    picture.paste((0, 0, 0, 0), mask=alpha.point(lambda value: 255 * (value == 0)))
    return picture


def shares(labels: np.ndarray) -> list[float]:
    """The share of each class in the pixels, labels uint8 (H, W)."""
    counts = Image.fromarray(labels).histogram()  # NumPy's bincount takes 8 bytes a pixel
    return [count / labels.size for count in counts[: len(CLASS_NAMES)]]


def _outlines(labels: np.ndarray, width: int) -> np.ndarray:
    """Which pixels have another class at most `width` pixels to a side: bool (H, W)."""
    lines = np.zeros(labels.shape, bool)
    for view, marked in ((labels, lines), (labels.T, lines.T)):
        change = view[1:] != view[:-1]
        for distance in range(min(width, len(change))):
            marked[: len(change) - distance] |= change[distance:]
            marked[1 + distance :] |= change[: len(change) - distance]
    return lines


def _legend(labels: np.ndarray, size: tuple[int, int]) -> Image.Image:
    """A strip as wide as the image, or wider: the classes with their shares of the pixels."""
    entries = [
        f"{name} {share:.0%}" for name, share in zip(CLASS_NAMES, shares(labels), strict=True)
    ]

    def width_of_all(letters: int) -> float:
        """At most, whatever the shares: pictures of one image are all of one size."""
        font = ImageFont.load_default(letters)
        widths = [font.getlength(f"{name} 100%") + 2.6 * letters for name in CLASS_NAMES]
        return sum(widths) + letters

    letters = max(SMALLEST_LETTERS, round(max(size) * LEGEND_SHARE))
    while letters > SMALLEST_LETTERS and width_of_all(letters) > size[0]:
        letters -= 1
    font = ImageFont.load_default(letters)
    strip = Image.new("RGB", (max(size[0], round(width_of_all(letters))), 2 * letters), "white")
    draw = ImageDraw.Draw(strip)
    left = float(letters)
    for label, entry in enumerate(entries):
        top = letters / 2
        draw.rectangle((left, top, left + letters, top + letters), CLASS_COLOURS[label])
        draw.text((left + 1.4 * letters, letters), entry, "black", font, anchor="lm")
        left += font.getlength(entry) + 2.6 * letters
    return strip
