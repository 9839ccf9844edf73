"""Draws sitting, standing and lying pets as polygons."""

from typing import NamedTuple

import numpy as np

from petseg.sources.generated.breeds import CAT, Breed, species_of, tip_colour
from petseg.sources.generated.heads import draw_head
from petseg.sources.generated.shapes import Part, ellipse, limb, rotate


class Pet(NamedTuple):
    """Parts from back to front, whiskers and centre of the head, in pet units."""

    parts: list[Part]
    whiskers: list[np.ndarray]
    head: tuple[float, float]


def random_pet(rng: np.random.Generator, breed: Breed) -> Pet:
    """Returns a pet in a random pose, some with a collar."""
    body, head = (_sitting, _standing, _lying)[rng.integers(3)](rng, breed)
    collar = rng.choice(["#c0392b", "#2471a3", "#d4ac0d", "#7d3c98"])
    if rng.random() < 0.4:
        body.append(Part(ellipse(head[0], head[1] + 0.19, 0.14, 0.05), 1, str(collar)))
    face, whiskers = draw_head(rng, breed)
    tilt = rng.uniform(-0.25, 0.25)
    size = rng.uniform(0.95, 1.15)
    body += [part._replace(points=rotate(size * part.points, tilt) + head) for part in face]
    return Pet(body, [rotate(size * line, tilt) + head for line in whiskers], head)


def _tail(rng: np.random.Generator, breed: Breed, x: float, y: float) -> Part:
    length, thickness = (0.34, 0.04) if species_of(breed) == CAT else (0.26, 0.045)
    rise = rng.uniform(-1.1, 0.3)
    bend = (x - length * 0.7, y + 0.05)
    end = (x - length, y + length * rise)
    thickness *= 1 + 6 * breed.shaggy
    return Part(limb([(x, y), bend, end], thickness, thickness * 0.8), 0.88, tip_colour(breed))


def _leg(rng: np.random.Generator, breed: Breed, x, top, foot, tone=1.0) -> list[Part]:
    step = x + rng.uniform(-0.05, 0.05)
    leg = limb([(x, top), (x, (top + foot) / 2), (step, foot + 0.02)], 0.065, 0.05)
    paw = ellipse(step + 0.02, foot, 0.07, 0.04)
    return [Part(leg, tone, tip_colour(breed)), Part(paw, tone, tip_colour(breed))]


def _sitting(rng: np.random.Generator, breed: Breed) -> tuple[list[Part], tuple[float, float]]:
    parts = [_tail(rng, breed, -0.2, 0.4), Part(ellipse(0, 0.15, 0.24, 0.33, 0, breed.shaggy))]
    for side in (-1, 1):
        parts.append(Part(ellipse(side * 0.2, 0.35, 0.12, 0.14, side * 0.2), 0.9))
        parts.append(Part(ellipse(side * 0.25, 0.46, 0.1, 0.045), 0.96, tip_colour(breed)))
    for side in (-1, 1):
        parts += _leg(rng, breed, side * 0.085, 0.1, 0.46)
    return parts, (rng.uniform(-0.05, 0.05), -0.27)


def _standing(rng: np.random.Generator, breed: Breed) -> tuple[list[Part], tuple[float, float]]:
    head = (rng.uniform(0.28, 0.38), rng.uniform(-0.3, -0.12))
    far = _leg(rng, breed, 0.17, 0.1, 0.44, 0.75) + _leg(rng, breed, -0.2, 0.1, 0.44, 0.75)
    neck = limb([(0.18, 0.05), (0.25, -0.1), head], 0.16, 0.12)
    trunk = [
        Part(ellipse(-0.03, 0.04, 0.36, 0.175, 0, breed.shaggy)),
        Part(ellipse(-0.25, 0.07, 0.15, 0.18, 0.2), 0.95),
        Part(neck, 0.95),
    ]
    near = _leg(rng, breed, 0.25, 0.08, 0.47) + _leg(rng, breed, -0.29, 0.12, 0.47)
    return [_tail(rng, breed, -0.33, -0.02), *far, *trunk, *near], head


def _lying(rng: np.random.Generator, breed: Breed) -> tuple[list[Part], tuple[float, float]]:
    head = (rng.uniform(0.18, 0.32), rng.uniform(-0.16, -0.02))
    tip = tip_colour(breed)
    parts = [
        _tail(rng, breed, -0.38, 0.27),
        Part(limb([(0.15, 0.2), (0.3, 0.22), (0.55, 0.26)], 0.07, 0.05), 0.78, tip),
        Part(ellipse(-0.07, 0.16, 0.42, 0.2, 0, breed.shaggy)),
        Part(ellipse(-0.28, 0.21, 0.17, 0.16), 0.93),
        Part(ellipse(-0.17, 0.34, 0.13, 0.045), 1, tip),
        Part(ellipse(0.2, 0.13, 0.17, 0.22, 0, breed.shaggy)),
        Part(limb([(0.15, 0.24), (0.25, 0.35), (0.5, 0.34)], 0.07, 0.055), 1, tip),
    ]
    return parts, head
