"""Draws heads of cats and dogs, centred on (0, 0)."""

import numpy as np
from PIL import ImageColor

from petseg.sources.generated.breeds import CAT, Breed, species_of, tip_colour
from petseg.sources.generated.shapes import Part, ellipse

_CAT_EYES = ("#8fb04a", "#d9a441", "#6fa3c7")
_DOG_EYES = ("#4a2c1a", "#2e1d14", "#6b4426")


def draw_head(rng: np.random.Generator, breed: Breed) -> tuple[list[Part], list[np.ndarray]]:
    """Returns the parts from back to front, and whiskers, each (2, 2)."""
    return _cat_head(rng, breed) if species_of(breed) == CAT else _dog_head(rng, breed)


def _cat_head(rng: np.random.Generator, breed: Breed) -> tuple[list[Part], list[np.ndarray]]:
    parts = []
    for side in (-1, 1):
        ear = np.array([(0.2, -0.02), (0.2, -0.18), (0.185, -0.31), (0.1, -0.22), (0.03, -0.14)])
        inner = 0.55 * (ear - ear.mean(axis=0)) + ear.mean(axis=0) + (0.005, -0.01)
        parts.append(Part(ear * (side, 1), 0.95, tip_colour(breed)))
        parts.append(Part(inner * (side, 1), 1, "#d99a94"))
    parts.append(Part(ellipse(0, 0, 0.215, 0.175, 0, breed.shaggy)))
    parts += _muzzle(breed, 0.075, 0.1, 0.065)
    iris = str(rng.choice(_CAT_EYES))
    for side in (-1, 1):
        parts.append(Part(ellipse(side * 0.09, -0.02, 0.046, 0.04, side * -0.2), 1, iris))
        parts.append(Part(ellipse(side * 0.09, -0.02, 0.016, 0.036), 1, "#15110f"))
        parts.append(Part(ellipse(side * 0.09 + 0.015, -0.035, 0.01, 0.01), 1, "#ffffff"))
    parts.append(Part(np.array([(-0.028, 0.045), (0.028, 0.045), (0, 0.075)]), 1, "#c9767a"))
    lines = [(side, rise) for side in (-1, 1) for rise in (-0.03, 0.0, 0.03)]
    return parts, [np.array([(s * 0.08, 0.09), (s * 0.27, 0.085 + 2 * r)]) for s, r in lines]


def _dog_head(rng: np.random.Generator, breed: Breed) -> tuple[list[Part], list[np.ndarray]]:
    parts = [Part(ellipse(0, 0, 0.18, 0.2, 0, breed.shaggy))]
    long, spread = rng.uniform(0.11, 0.17), rng.uniform(0.1, 0.5)
    for side in (-1, 1):
        ear = ellipse(side * (0.17 + 0.09 * spread), -0.12 + long * 0.8, 0.07, long, -side * spread)
        parts.append(Part(ear, 0.72, tip_colour(breed)))
    if rng.random() < 0.5:
        parts.append(Part(ellipse(0, 0.19, 0.04, 0.06), 1, "#dd7f86"))
    parts += _muzzle(breed, 0.1, 0.105, 0.085)
    iris = str(rng.choice(_DOG_EYES))
    for side in (-1, 1):
        parts.append(Part(ellipse(side * 0.08, -0.045, 0.034, 0.036), 1, "#f3eee6"))
        parts.append(Part(ellipse(side * 0.08, -0.042, 0.028, 0.031), 1, iris))
        parts.append(Part(ellipse(side * 0.08 + 0.01, -0.052, 0.009, 0.009), 1, "#ffffff"))
    parts.append(Part(ellipse(0, 0.055, 0.05, 0.036), 1, "#1d1817"))
    parts.append(Part(ellipse(0.012, 0.043, 0.014, 0.007), 1, "#8d8583"))
    return parts, []


def _muzzle(breed: Breed, rx: float, y: float, ry: float) -> list[Part]:
    if breed.pattern in ("points", "bib"):
        paint = breed.marks
    else:
        light = np.array(ImageColor.getrgb(breed.coat)) * 0.75 + 255 * 0.25
        paint = "#{:02x}{:02x}{:02x}".format(*light.astype(int))
    mouth = Part(ellipse(0, y + ry * 0.55, rx * 0.35, ry * 0.55), 1, "#4a2b2b")
    cheeks = [Part(ellipse(side * rx * 0.5, y, rx * 0.62, ry), 1, paint) for side in (-1, 1)]
    return [mouth, *cheeks]
