"""Pictures of a segmented image, at its own size.

Large operations run in bands of rows, as an image may have 200 million pixels.
"""

import itertools
import math

import numpy as np
from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFont

from petseg.core.dataset_spec import DatasetSpec
from petseg.figures.palette import legend_labels, shortened

TINT_ALPHA = 64
"""Strength of the class tint, of 255."""
OUTLINE_SHARE = 1 / 250
"""Outline width relative to the shorter side; at least one pixel."""
LEGEND_SHARE = 1 / 28
"""Height of legend letters relative to the longer side."""
SMALLEST_LETTERS = 11
ENTRIES_IN_ROW = 4
"""Legend entries in a row; if fewer fit, the letters become smaller."""
LEAST_LEGEND = 400
"""Legend width in pixels below a narrow image."""
BAND_PIXELS = 1 << 20
"""Pixels in a band; limits memory."""


def label_picture(labels: np.ndarray, spec: DatasetSpec) -> Image.Image:
    """Returns labels, uint8 (H, W), in the format of the dataset's masks, in one channel.

    Pixels have the first mask value of their class, in its display colour, or 16-bit grey for
    values above 255. For coloured masks, they have the first mask colour, and labels as values.
    """
    values = [one.value[0] if one.value else label for label, one in enumerate(spec.classes)]
    if max(values) > 255:
        return Image.fromarray(np.asarray(values, np.uint16)[labels])
    colours = [
        one.mask_colour[0] if one.mask_colour else spec.colours[label]
        for label, one in enumerate(spec.classes)
    ]
    picture = Image.fromarray(np.asarray(values, np.uint8)[labels], "P")
    shown = dict(zip(values, colours, strict=True))
    entries = [shown.get(value, "white") for value in range(max(values) + 1)]
    picture.putpalette([part for entry in entries for part in ImageColor.getrgb(entry)])
    return picture


def outlined(image: Image.Image, labels: np.ndarray, spec: DatasetSpec) -> Image.Image:
    """Returns an RGB image with classes outlined, some tinted, and a legend below.

    `labels` are uint8 (H, W). Each class is outlined on its own side of the boundary. Classes in a
    region are tinted, except those of a soft edge; without regions, all are. An image narrower than
    its legend is at the left.
    """
    legend = _legend(labels, image.size, spec)
    size = (max(image.width, legend.width), image.height + legend.height)
    picture = Image.new("RGB", size, "white")
    picture.paste(image)
    picture.paste(legend, (0, image.height))
    tinted = _tinted(spec)
    alphas = np.array(
        [TINT_ALPHA * (label in tinted) for label in range(len(spec.classes))], np.uint8
    )
    width = max(1, round(min(labels.shape) * OUTLINE_SHARE))
    palette = [part for colour in spec.colours for part in ImageColor.getrgb(colour)]
    band = max(2 * width, BAND_PIXELS // image.width)
    for top in range(0, image.height, band):
        part, above = labels[top : top + band], min(top, width)
        line = _outlines(labels[top - above : top + band + width], width)[above:][: len(part)]
        colours = Image.fromarray(part, "P")
        colours.putpalette(palette)
        mask = Image.fromarray(np.where(line, np.uint8(255), alphas[part]))
        picture.paste(colours.convert("RGB"), (0, top), mask)
    return picture


def cutout(image: Image.Image, opacity: np.ndarray) -> Image.Image:
    """Returns an RGB or RGBA image with `opacity`, uint8 (H, W), as RGBA; black where it is 0.

    No pixel becomes more opaque.
    """
    alpha = Image.fromarray(opacity)
    if image.mode == "RGBA":
        alpha = ImageChops.multiply(alpha, image.getchannel("A"))
    picture = image.convert("RGBA")
    picture.putalpha(alpha)
    picture.paste((0, 0, 0, 0), mask=alpha.point(lambda value: 255 * (value == 0)))
    return picture


def shares(labels: np.ndarray, classes: int) -> list[float]:
    """Returns classes' shares of the pixels, from labels uint8 (H, W)."""
    counts = Image.fromarray(labels).histogram()  # NumPy's bincount needs 8 bytes per pixel
    return [count / labels.size for count in counts[:classes]]


def _tinted(spec: DatasetSpec) -> list[int]:
    if not spec.regions:
        return list(range(len(spec.classes)))
    regions = {label for region in spec.regions for label in spec.region_labels(region)}
    return sorted(regions - set(spec.labels(spec.soft_edge)))


def _outlines(labels: np.ndarray, width: int) -> np.ndarray:
    """Returns which pixels have another class within `width` along an axis: bool (H, W)."""
    across = _widened(labels[:, 1:] != labels[:, :-1], width)
    down = _widened((labels[1:] != labels[:-1]).T, width).T
    return across | down


def _widened(changes: np.ndarray, width: int) -> np.ndarray:
    """Returns which pixels are within `width` of a change in the row: (H, N) -> (H, N + 1)."""
    window, length = np.pad(changes, ((0, 0), (width, width))), 1
    while length < 2 * width:
        step = min(length, 2 * width - length)
        window = window[:, :-step] | window[:, step:]
        length += step
    return window


def _legend(labels: np.ndarray, size: tuple[int, int], spec: DatasetSpec) -> Image.Image:
    """Returns a strip of classes and shares, as wide as the image or wider."""
    found = shares(labels, len(spec.classes))
    shown = legend_labels(spec, np.flatnonzero(found))
    names = [shortened(spec.class_names[label]) for label in shown]
    most_rows = math.ceil(len(names) / ENTRIES_IN_ROW)

    letters = max(SMALLEST_LETTERS, round(max(size) * LEGEND_SHARE))
    rows, widest = _rows(names, letters, size[0])
    while letters > SMALLEST_LETTERS and (len(rows) > most_rows or widest > size[0]):
        letters -= 1
        rows, widest = _rows(names, letters, size[0])
    if len(rows) > most_rows:
        rows, widest = _rows(names, letters, max(size[0], LEAST_LEGEND))
    font = ImageFont.load_default(letters)
    line = round(1.6 * letters)
    height = 2 * letters + line * (len(rows) - 1)
    strip = Image.new("RGB", (max(size[0], round(widest)), height), "white")
    draw = ImageDraw.Draw(strip)
    entries = iter(zip(shown, names, strict=True))
    for row, count in enumerate(rows):
        left, top = float(letters), letters / 2 + line * row
        for label, name in itertools.islice(entries, count):
            text = f"{name} {found[label]:.0%}"
            draw.rectangle((left, top, left + letters, top + letters), spec.colours[label])
            draw.text((left + 1.4 * letters, top + letters / 2), text, "black", font, anchor="lm")
            left += font.getlength(text) + 2.6 * letters
    return strip


def _rows(names: list[str], letters: int, width: float) -> tuple[list[int], float]:
    """Returns numbers of entries in rows, and the greatest width.

    Reserves space for 100 %: all pictures of an image have the same size.
    """
    font = ImageFont.load_default(letters)
    counts: list[int] = []
    widths: list[float] = []
    for name in names:
        taken = font.getlength(f"{name} 100%") + 2.6 * letters
        if not counts or widths[-1] + taken > width:
            counts.append(0)
            widths.append(float(letters))
        counts[-1] += 1
        widths[-1] += taken
    return counts, max(widths, default=0)
