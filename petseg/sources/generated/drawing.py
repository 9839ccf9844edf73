"""Draws pets and their trimaps."""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from petseg.sources.generated.background import draw_background
from petseg.sources.generated.breeds import Breed
from petseg.sources.generated.fur import coat_image, fur_light, paint_parts
from petseg.sources.generated.light import expose, shadow_image
from petseg.sources.generated.poses import random_pet
from petseg.sources.generated.shapes import ToPixels, rotate

PET, BACKGROUND, BORDER = 1, 2, 3
"""The values in a trimap, as in the real dataset."""

_SUPERSAMPLING = 3
_BORDER_WIDTH = 0.042  # relative to the root of the image's area, as the real dataset's mean


def draw_pet(
    rng: np.random.Generator, breed: Breed, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws a pet in a room: uint8 (height, width, 3), and its trimap, uint8 (height, width).

    As in the real dataset, the border straddles the outline except at the image's edge.
    """
    size = (width * _SUPERSAMPLING, height * _SUPERSAMPLING)
    pet = random_pet(rng, breed)
    to_pixels = _placement(rng, size, pet.head)
    coat = coat_image(rng, breed, size, pet.head, to_pixels)
    fur, silhouette = paint_parts(pet.parts, coat, to_pixels)

    # The blurred silhouette measures the distance from the outline: it shades the pet, and the
    # border is within one sigma.
    sigma = _BORDER_WIDTH * (size[0] * size[1]) ** 0.5 / 2
    distance = silhouette.filter(ImageFilter.GaussianBlur(sigma))
    fur = ImageChops.multiply(fur, fur_light(rng, distance))

    canvas = ImageChops.multiply(draw_background(rng, size), shadow_image(size, to_pixels))
    canvas.paste(fur, mask=silhouette.filter(ImageFilter.GaussianBlur(1)))
    draw = ImageDraw.Draw(canvas)
    for line in pet.whiskers:
        draw.line(to_pixels(line), fill="#f4f0ea", width=max(1, size[1] // 150))
    return expose(rng, canvas.reduce(_SUPERSAMPLING)), _trimap(distance)


def _placement(
    rng: np.random.Generator, size: tuple[int, int], head: tuple[float, float]
) -> ToPixels:
    """Returns a random flip, tilt, size and position; one in four is a close-up."""
    scale = (size[0] * size[1]) ** 0.5 * rng.uniform(0.62, 1.02)
    focus = np.array(head) * (0.3, 0)
    if rng.random() < 0.25:
        scale *= 1.5
        focus = np.add(head, (0, 0.12))
    stretch = scale * np.array([rng.uniform(0.92, 1.1) * rng.choice([-1, 1]), 1])
    tilt = rng.uniform(-0.12, 0.12)
    centre = np.array(size) * rng.uniform(0.42, 0.58, size=2)
    return lambda points: (rotate((points - focus) * stretch, tilt) + centre).ravel().tolist()


def _trimap(distance: Image.Image) -> np.ndarray:
    # Across a straight outline, the blur is the normal distribution function: 0.16 and 0.84 are
    # one sigma outside and inside.
    level = np.asarray(distance.reduce(_SUPERSAMPLING)) / 255
    trimap = np.full(level.shape, BORDER, np.uint8)
    trimap[level > 0.84] = PET
    trimap[level < 0.16] = BACKGROUND
    return trimap
