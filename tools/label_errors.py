"""Damages 5 % of the masks of generated pets and counts how many `petseg labels` finds.

There are five equally frequent kinds of damage: the pet is missing, its class and the background
are exchanged, or the mask is shifted by 8 pixels, dilated by 8, or has a hole. Prints how many of
each kind are in the first 5 % of the ranking. Works in .petseg/label_errors.
"""

import argparse
import csv
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter
from workspace import ROOT, populate

HOME = ROOT / ".petseg" / "label_errors"
DRAWN = HOME / "drawn"
DAMAGED = HOME / "damaged.json"
PET, BACKGROUND, BORDER = 1, 2, 3
SHARE, DISTANCE = 0.05, 8
SIDE = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000, help="default: %(default)s")
    parser.add_argument("--weights", default="imagenet", help="of the encoder; none, or a file")
    parser.add_argument("options", nargs="*", help="for petseg labels, after --")
    options = parser.parse_args()
    if not DAMAGED.exists():
        draw(options.images)
    start = "stem" if options.weights == "none" else "level_3"
    unet = {
        "encoder_weights": options.weights,
        "encoder_upscale": 2,
        "decoder_filters": [128, 64, 32],
        "fine_tune_from": start,
    }
    overlay = {
        "image_size": SIDE,
        "dataset": {"name": "oxford_iiit_pet"},
        "preprocess": {"drop_unlabelled": False},
        "train_unet": unet,
    }
    populate(HOME / "project", overlay, {"type": "oxford_iiit_pet"})
    environment = os.environ | {"PETSEG_OFFLINE_DIR": str(DRAWN), "PYTHONPATH": "."}
    for command in (
        ["-m", "stages.download"],
        ["-m", "stages.preprocess"],
        ["-m", "petseg", "labels", *options.options],
    ):
        subprocess.run(
            [sys.executable, *command], cwd=HOME / "project", env=environment, check=True
        )
    report(HOME / "project/label_review/ranking.csv")


def draw(images: int) -> None:
    """Draws pets and damages some masks of the training split."""
    from petseg.sources.generated.dataset import write_dataset

    shutil.rmtree(HOME, ignore_errors=True)
    write_dataset(DRAWN, train=images, test=37, image_size=SIDE, seed=3)
    random = np.random.default_rng(5)
    listed = (DRAWN / "annotations/trainval.txt").read_text("utf-8").splitlines()
    chosen = random.choice([line.split()[0] for line in listed], round(SHARE * images), False)
    damaged = {}
    for number, name in enumerate(chosen):
        way = list(WAYS)[number % len(WAYS)]
        path = DRAWN / "annotations/trimaps" / f"{name}.png"
        mask = WAYS[way](np.array(Image.open(path)), random)
        Image.fromarray(mask.astype(np.uint8)).save(path)
        damaged[str(name)] = way
    DAMAGED.write_text(json.dumps(damaged), encoding="utf-8")


def missing(mask: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return np.full_like(mask, BACKGROUND)


def exchanged(mask: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return np.array([0, BACKGROUND, PET, BORDER])[mask]


def shifted(mask: np.ndarray, random: np.random.Generator) -> np.ndarray:
    axis, step = random.integers(2), random.choice([-DISTANCE, DISTANCE])
    moved = np.roll(mask, step, axis)
    edge = [slice(None), slice(None)]
    edge[axis] = slice(None, step) if step > 0 else slice(step, None)
    moved[tuple(edge)] = BACKGROUND
    return moved


def dilated(mask: np.ndarray, random: np.random.Generator) -> np.ndarray:
    grow = ImageFilter.MaxFilter(2 * DISTANCE + 1)
    inside, all_of_it = (
        np.asarray(Image.fromarray(np.uint8(255) * part).filter(grow)) > 0
        for part in (mask == PET, mask != BACKGROUND)
    )
    return np.where(inside, PET, np.where(all_of_it, BORDER, BACKGROUND))


def hole(mask: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Turns a disc of an eighth of the pet's area into background."""
    y, x = np.nonzero(mask == PET)
    place, radius = random.integers(len(y)), np.sqrt(len(y) / 8 / np.pi)
    rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
    disc = (rows - y[place]) ** 2 + (columns - x[place]) ** 2 < radius**2
    return np.where(disc & (mask == PET), BACKGROUND, mask)


WAYS = {way.__name__: way for way in (missing, exchanged, shifted, dilated, hole)}


def report(ranking: Path) -> None:
    damaged = json.loads(DAMAGED.read_text("utf-8"))
    with open(ranking, encoding="utf-8", newline="") as stream:
        names = [row["name"] for row in csv.DictReader(stream)]
    first = names[: round(SHARE * len(names))]
    found = Counter(damaged[name] for name in first if name in damaged)
    of_all = Counter(damaged.values())
    print(f"\namong the first {len(first)} of {len(names)}:")
    for way in WAYS:
        print(f"  {way:10} {found[way]} of {of_all[way]}")
    print(
        f"  all        {found.total()} of {of_all.total()} ({found.total() / of_all.total():.0%})"
    )


if __name__ == "__main__":
    main()
