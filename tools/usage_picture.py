"""Draws docs/images/predict.png: a generated pet, and what `petseg predict` makes of it.

With the U-Net of the demonstration, so after `make demo`; another network by its path.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from workspace import ROOT

from petseg.app.serve import load
from petseg.core.errors import PetsegError
from petseg.core.files import atomic_file
from petseg.sources.generated.breeds import BREEDS
from petseg.sources.generated.drawing import draw_pet

PICTURE = ROOT / "docs" / "images" / "predict.png"
HEIGHT, WIDTH, SEED, BREED = 260, 304, 11, "Bengal"
GAP = 12


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, default=ROOT / "demo" / "models" / "unet.keras")
    try:
        network = load(parser.parse_args().model)
    except PetsegError as error:
        sys.exit(f"error: {error}")
    breed = next(breed for breed in BREEDS if breed.name == BREED)
    pixels, _ = draw_pet(np.random.default_rng(SEED), breed, HEIGHT, WIDTH)
    photograph = Image.fromarray(pixels)
    overlay, cutout = network(photograph)
    pictures = [photograph, overlay, on_chequers(cutout)]
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    sheet = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white")
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + GAP
    with atomic_file(PICTURE) as temporary:
        sheet.save(temporary, "PNG", optimize=True)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")


def on_chequers(cutout: Image.Image, side: int = 10) -> Image.Image:
    """The usual sign for what is transparent."""
    rows, columns = np.indices((cutout.height, cutout.width)) // side
    ground = Image.fromarray(np.where((rows + columns) % 2, 255, 225).astype(np.uint8))
    return Image.alpha_composite(ground.convert("RGBA"), cutout).convert("RGB")


if __name__ == "__main__":
    main()
