"""Small folders of images and masks that are easy to learn and always the same.

Each function writes `images/` and `masks/`, with the same names in both, and returns the folder.
"""

from pathlib import Path

import numpy as np
from PIL import Image

SIZE = (40, 56)
"""Height and width of every image."""

COLOURS = ("#202020", "#c83232", "#32a032", "#3246c8")
"""The mask colours of `coloured`: ground, disc, rectangle and band."""

VOID_VALUE = 255
"""The mask value of the void rim around each object in `palette`."""

_ROWS, _COLUMNS = np.mgrid[: SIZE[0], : SIZE[1]]


def cells(folder: Path, count: int = 30) -> Path:
    """Writes grey images of bright cells on dark ground; the masks have values 0 and 255."""
    for index, rng in _each(count):
        labels = np.zeros(SIZE, np.uint8)
        for _ in range(4):
            labels[_disc(rng, 4, 8)] = 1
        image = _noisy(np.array([60, 170])[labels], rng)
        write_pair(folder, f"cell_{index:02}", Image.fromarray(image), 255 * labels)
    return folder


def coloured(folder: Path, count: int = 12) -> Path:
    """Writes RGB images as JPEG files; the RGB masks have the COLOURS."""
    mask_colours = np.array([_rgb(colour) for colour in COLOURS], np.uint8)
    shades = np.array([[90, 80, 70], [230, 120, 110], [130, 220, 140], [110, 130, 240]])
    for index, rng in _each(count):
        labels = _objects(rng)
        image = Image.fromarray(_noisy(shades[labels], rng))
        write_pair(folder, f"scene_{index:02}", image, mask_colours[labels], ".jpg")
    return folder


def palette(folder: Path, count: int = 12) -> Path:
    """Writes RGB images; the palette masks have values 0 to 3, and VOID_VALUE around objects."""
    shades = np.array([[90, 80, 70], [230, 120, 110], [130, 220, 140], [110, 130, 240]])
    colours = np.zeros((256, 3), np.uint8)
    colours[:4] = [_rgb(colour) for colour in COLOURS]
    colours[VOID_VALUE] = 224, 224, 192
    for index, rng in _each(count):
        labels = _objects(rng)
        image = Image.fromarray(_noisy(shades[labels], rng))
        edges = (np.diff(labels, axis=0, append=labels[-1:]) != 0) | (
            np.diff(labels, axis=1, append=labels[:, -1:]) != 0
        )
        mask = Image.fromarray(np.where(edges, VOID_VALUE, labels).astype(np.uint8))
        mask.putpalette(colours.tobytes())
        write_pair(folder, f"object_{index:02}", image, mask, ".jpg")
    return folder


def three(folder: Path) -> Path:
    """Writes three images in total; the masks have values 0 and 1."""
    for index, rng in _each(3):
        labels = np.zeros(SIZE, np.uint8)
        labels[_disc(rng, 8, 14)] = 1
        image = _noisy(np.array([[60, 60, 90], [220, 190, 80]])[labels], rng)
        write_pair(folder, f"image_{index}", Image.fromarray(image), labels)
    return folder


def twenty(folder: Path, count: int = 12) -> Path:
    """Writes patches of 20 classes, each of another colour; the masks have values 0 to 19."""
    levels = np.array([40, 130, 220])
    shades = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(-1, 3)[:20]
    for index, rng in _each(count):
        patches = rng.permutation(20).astype(np.uint8).reshape(4, 5)
        labels = patches[_ROWS * 4 // SIZE[0], _COLUMNS * 5 // SIZE[1]]
        image = Image.fromarray(_noisy(shades[labels], rng))
        write_pair(folder, f"patches_{index:02}", image, labels)
    return folder


def write_pair(
    folder: Path,
    name: str,
    image: Image.Image,
    mask: Image.Image | np.ndarray,
    suffix: str = ".png",
    mask_suffix: str = ".png",
) -> None:
    """Writes `images/NAME` and `masks/NAME` with their suffixes into a folder."""
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    image.save(folder / "images" / f"{name}{suffix}")
    mask = Image.fromarray(mask) if isinstance(mask, np.ndarray) else mask
    mask.save(folder / "masks" / f"{name}{mask_suffix}")


def _each(count: int):
    return ((index, np.random.default_rng(index)) for index in range(count))


def _objects(rng: np.random.Generator) -> np.ndarray:
    """Draws labels 0 to 3: a band, a rectangle and a disc at random positions on the ground."""
    labels = np.zeros(SIZE, np.uint8)
    top = rng.integers(0, SIZE[0] - 6)
    labels[top : top + 6] = 3
    top, left = rng.integers(0, SIZE[0] - 14), rng.integers(0, SIZE[1] - 14)
    labels[top : top + 14, left : left + 14] = 2
    labels[_disc(rng, 6, 9)] = 1
    return labels


def _disc(rng: np.random.Generator, smallest: int, largest: int) -> np.ndarray:
    radius = rng.uniform(smallest, largest)
    row, column = rng.uniform(radius, np.array(SIZE) - radius)
    return (_ROWS - row) ** 2 + (_COLUMNS - column) ** 2 < radius**2


def _noisy(levels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return np.clip(levels + rng.normal(0, 12, levels.shape), 0, 255).astype(np.uint8)


def _rgb(colour: str) -> tuple[int, ...]:
    return tuple(bytes.fromhex(colour[1:]))
