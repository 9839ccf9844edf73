"""Draws cluttered rooms, often in fur colours, so that colour does not reveal the pet."""

import numpy as np
from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

from petseg.sources.generated.breeds import BREEDS
from petseg.sources.generated.light import grey_image, smooth_noise
from petseg.sources.generated.shapes import ellipse, limb


def draw_background(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    """Draws an RGB room of (width, height) `size`."""
    width, height = size
    scene = Image.new("RGB", size, _random_colour(rng))
    horizon = int(height * rng.uniform(0.4, 0.8))
    draw = ImageDraw.Draw(scene)
    _stripes(rng, draw, (0, 0, width, horizon))
    draw.rectangle((0, horizon, width, height), fill=_random_colour(rng))
    _stripes(rng, draw, (0, horizon, width, height))
    for _ in range(rng.integers(4, 9)):
        thing = (_furniture, _cushion, _plant)[rng.integers(3)]
        x, y = rng.uniform(0, width), rng.uniform(0.2, 1) * height
        thing(rng, draw, x, y, min(size) * rng.uniform(0.12, 0.3))
    scene = scene.filter(ImageFilter.GaussianBlur(height * rng.uniform(0.002, 0.015)))
    top, bottom = rng.uniform(0.75, 1.1, size=2)
    slope = np.linspace(top, bottom, height, dtype=np.float32)[:, None]
    light = slope * smooth_noise(rng, size, 5, 0.08) * smooth_noise(rng, size, 60, 0.06)
    return ImageChops.multiply(scene, grey_image(235 * light))


def _stripes(rng: np.random.Generator, draw: ImageDraw.ImageDraw, box) -> None:
    """Draws stripes, tiles or nothing."""
    left, top, right, bottom = box
    step = max(8, int(right * rng.uniform(0.05, 0.2)))
    colour, kind = _random_colour(rng), rng.integers(3)
    line = max(1, int(step * rng.choice([0.08, 0.5])))
    if kind > 0:
        for x in range(left, right, step):
            draw.rectangle((x, top, x + line, bottom), fill=colour)
    if kind > 1:
        for y in range(top, bottom, step):
            draw.rectangle((left, y, right, y + line // 2), fill=colour)


def _furniture(rng: np.random.Generator, draw: ImageDraw.ImageDraw, x, y, r) -> None:
    """Draws a chest of drawers."""
    body, edge = _random_colour(rng), _random_colour(rng)
    tall = r * rng.uniform(0.6, 2)
    for side in (-0.9, 0.7):
        draw.rectangle((x + side * r, y, x + (side + 0.2) * r, y + r * 0.5), fill=edge)
    for shelf in range(3):
        top = y - tall * (3 - shelf) / 3
        draw.rectangle((x - r, top, x + r, top + tall / 3), fill=body, outline=edge)
        draw.ellipse((x - r / 9, top + tall / 9, x + r / 9, top + tall / 5), fill=edge)


def _plant(rng: np.random.Generator, draw: ImageDraw.ImageDraw, x, y, r) -> None:
    green = (int(rng.integers(30, 120)), int(rng.integers(90, 170)), int(rng.integers(30, 90)))
    for lean in rng.uniform(-1, 1, size=7):
        leaf = [(x, y), (x + lean * r * 0.3, y - r), (x + lean * r * 1.3, y - r * 1.6)]
        draw.polygon(limb(leaf, r * 0.12, r * 0.16).ravel().tolist(), fill=green)
    pot = [(x - r / 2, y - r / 8), (x + r / 2, y - r / 8), (x + r / 3, y + r), (x - r / 3, y + r)]
    draw.polygon(pot, fill=_random_colour(rng))


def _cushion(rng: np.random.Generator, draw: ImageDraw.ImageDraw, x, y, r) -> None:
    angle, squash, rim = rng.uniform((-0.5, 0.5, 0.3), (0.5, 1, 0.9))
    for size in (r, r * rim):
        blob = ellipse(x, y, size, size * squash, angle)
        draw.polygon(blob.ravel().tolist(), fill=_random_colour(rng))


def _random_colour(rng: np.random.Generator) -> tuple[int, int, int]:
    """Returns a varied fur colour or, equally often, any colour."""
    if rng.random() < 0.5:
        breed = BREEDS[rng.integers(len(BREEDS))]
        fur = ImageColor.getrgb(breed.marks if rng.random() < 0.3 else breed.coat)
        return tuple((np.array(fur) + rng.integers(-20, 21, size=3)).clip(0, 255).tolist())
    vivid = rng.integers(20, 240, size=3)
    return tuple((0.6 * vivid + 0.4 * vivid.mean()).astype(int).tolist())
