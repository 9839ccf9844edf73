"""Draws a pet's fur and the light on it."""

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from petseg.sources.generated.breeds import Breed
from petseg.sources.generated.light import grey_image, smooth_noise
from petseg.sources.generated.shapes import Part, ToPixels, ellipse, limb

_BLOTCHES = {"ticked": (250, 0.012), "spots": (110, 0.03), "patches": (9, 0.11)}
"""Number of blotches, and their radius in pet units."""


def coat_image(
    rng: np.random.Generator,
    breed: Breed,
    size: tuple[int, int],
    head: tuple[float, float],
    to_pixels: ToPixels,
) -> Image.Image:
    """Fills an RGB image of (width, height) `size` with fur, to cut parts from."""
    coat = Image.new("RGB", size, breed.coat)
    draw = ImageDraw.Draw(coat)

    def mark(*blob):
        draw.polygon(to_pixels(ellipse(*blob)), fill=breed.marks)

    if breed.pattern == "stripes":
        for x in np.arange(-0.8, 0.8, 0.1) + rng.uniform(0, 0.1):
            bend = rng.uniform(-0.08, 0.08)
            line = limb([(x, -0.6), (x + bend, 0), (x, 0.6)], 0.02, 0.02)
            draw.polygon(to_pixels(line), fill=breed.marks)
    elif breed.pattern in _BLOTCHES:
        count, radius = _BLOTCHES[breed.pattern]
        for x, y, r in rng.uniform((-0.6, -0.5, 0.6), (0.6, 0.5, 1.3), size=(count, 3)):
            mark(x, y, 1.2 * radius * r, radius * r)
    elif breed.pattern == "saddle":
        mark(-0.08, 0.06, 0.3, 0.17)
        mark(head[0] - 0.14, head[1] - 0.04, 0.11, 0.16)
        mark(head[0] + 0.14, head[1] - 0.04, 0.11, 0.16)
    elif breed.pattern == "bib":
        mark(head[0] * 0.8, head[1] + 0.33, 0.1, 0.2)
        mark(head[0], head[1] - 0.06, 0.03, 0.14)
    elif breed.pattern == "points":
        mark(*head, 0.13, 0.13)
    return coat.filter(ImageFilter.GaussianBlur(size[1] / 100))


def paint_parts(
    parts: list[Part], coat: Image.Image, to_pixels: ToPixels
) -> tuple[Image.Image, Image.Image]:
    """Paints parts in order; returns colours (RGB) and silhouette (L, 0 or 255)."""
    colours, tones, silhouette = coat.copy(), Image.new("L", coat.size), Image.new("L", coat.size)
    outline = max(1, coat.size[1] // 90)
    for part in parts:
        polygon = to_pixels(part.points)
        ImageDraw.Draw(silhouette).polygon(polygon, fill=255)
        tone = round(255 * part.tone)
        if part.paint:
            ImageDraw.Draw(colours).polygon(polygon, fill=part.paint)
            ImageDraw.Draw(tones).polygon(polygon, fill=tone)
        else:
            stencil = Image.new("1", coat.size)
            ImageDraw.Draw(stencil).polygon(polygon, fill=1)
            colours.paste(coat, mask=stencil)
            dark = round(tone * 0.7)
            ImageDraw.Draw(tones).polygon(polygon, fill=tone, outline=dark, width=outline)
    tones = tones.filter(ImageFilter.BoxBlur(1))
    return ImageChops.multiply(colours, Image.merge("RGB", [tones] * 3)), silhouette


def fur_light(rng: np.random.Generator, distance: Image.Image) -> Image.Image:
    """Returns light to multiply fur by, darker where `distance`, the blurred silhouette, is."""
    round_light = 0.62 + 0.38 * np.asarray(distance, np.float32) / 255
    grain = smooth_noise(rng, distance.size, 90, 0.1)
    return grey_image(255 * round_light * grain)
