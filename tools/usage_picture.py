"""Draws docs/images/predict.png: Chelsea the cat, and what the pretrained network finds.

    pip install scikit-image
    python tools/usage_picture.py

The photograph is by Stéfan van der Walt, under CC0; it comes with scikit-image (skimage.data).
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from workspace import ROOT

import petseg
from petseg.core.errors import PetsegError
from petseg.core.files import atomic_file
from petseg.prediction import default_model

PICTURE = ROOT / "docs" / "images" / "predict.png"
PHOTOGRAPH = ROOT / "docs" / "images" / "chelsea.jpg"
GAP = 12


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", type=Path, default=default_model.pretrained("unet"))
    options = parser.parse_args()
    if not PHOTOGRAPH.exists():
        store_photograph()
    try:
        found = petseg.load(options.model).segment(PHOTOGRAPH)
    except PetsegError as error:
        sys.exit(f"error: {error}")
    pictures = [found.image, found.overlay(), on_chequers(found.cutout())]
    width = sum(picture.width for picture in pictures) + GAP * (len(pictures) - 1)
    sheet = Image.new("RGB", (width, max(picture.height for picture in pictures)), "white")
    left = 0
    for picture in pictures:
        sheet.paste(picture, (left, 0))
        left += picture.width + GAP
    with atomic_file(PICTURE) as temporary:
        sheet.quantize(192, dither=Image.Dither.NONE).save(temporary, "PNG", optimize=True)
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size:,} bytes")


def store_photograph() -> None:
    """Copies the photograph from scikit-image."""
    try:
        from skimage import data
    except ImportError:
        sys.exit("error: the photograph comes with scikit-image: pip install scikit-image")
    with atomic_file(PHOTOGRAPH) as temporary:
        Image.fromarray(data.chelsea()).save(temporary, "JPEG", quality=90)


def on_chequers(cutout: Image.Image, side: int = 10) -> Image.Image:
    """Draws a cutout on a chequerboard, the usual sign for transparency."""
    rows, columns = np.indices((cutout.height, cutout.width)) // side
    ground = Image.fromarray(np.where((rows + columns) % 2, 255, 225).astype(np.uint8))
    return Image.alpha_composite(ground.convert("RGBA"), cutout).convert("RGB")


if __name__ == "__main__":
    main()
