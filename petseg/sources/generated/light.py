"""Light, shadow and noise."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from petseg.sources.generated.shapes import ToPixels, ellipse


def smooth_noise(
    rng: np.random.Generator, size: tuple[int, int], cells: int, strength: float
) -> np.ndarray:
    """Returns smooth noise, float32 (height, width), for (width, height) `size`.

    Interpolates a grid of `cells` x `cells` normal values, mean 1, deviation `strength`.
    """
    noise = rng.normal(1, strength, size=(cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(noise).resize(size, Image.Resampling.BILINEAR))


def grey_image(levels: np.ndarray) -> Image.Image:
    """Converts float (height, width), clipped to 0..255, to a grey RGB image."""
    level = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    return Image.merge("RGB", [level] * 3)


def shadow_image(size: tuple[int, int], to_pixels: ToPixels) -> Image.Image:
    """Returns light to multiply the background by, with a shadow below the pet."""
    shadow = Image.new("RGB", size, "#ffffff")
    ImageDraw.Draw(shadow).polygon(to_pixels(ellipse(0, 0.42, 0.5, 0.1)), fill="#8c8c8c")
    return shadow.filter(ImageFilter.GaussianBlur(size[1] / 40))


def expose(rng: np.random.Generator, image: Image.Image) -> np.ndarray:
    """Varies exposure, adds colour cast and sensor noise: uint8 (height, width, 3)."""
    pixels = np.asarray(image, np.float32) * rng.uniform(0.8, 1.2) * rng.uniform(0.93, 1.07, 3)
    pixels += rng.normal(0, rng.uniform(2, 8), size=pixels.shape)
    return pixels.clip(0, 255).astype(np.uint8)
