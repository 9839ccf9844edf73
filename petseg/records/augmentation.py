"""Augmentation: pure functions of images, masks and random numbers.

The geometry (flip, scale and crop, stretch, rotation) is one affine map of image and mask. Colours
change in the image only.
"""

import math

import tensorflow as tf

from petseg.core.training_params import Augmentation

DRAWS = 9
"""Random numbers for each example."""

SUPERSAMPLING = 3
"""The factor by which images are upsampled before warping.

Bilinear warping of the original pixels loses a third of the contrast between neighbours, and
networks trained on soft images do worse on sharp ones.
"""


def draw(count: int, seed: int, epoch: int) -> tf.Tensor:
    """Draws the random numbers of an epoch: float32 (count, DRAWS) in [0, 1).

    A row depends only on the seed, the epoch and the example's index.
    """
    return tf.random.stateless_uniform((count, DRAWS), seed=(seed, epoch))


def augment(images: tf.Tensor, masks: tf.Tensor, draws: tf.Tensor, params: Augmentation):
    """Returns augmented images float32 (B, H, W, 3) in [0, 255] and masks uint8 (B, H, W).

    `images` are (B, H, W, 3) in [0, 255], `masks` labels (B, H, W), `draws` float32 (B, DRAWS) in
    [0, 1). Images are reflected at their edges.
    """
    images = tf.cast(images, tf.float32)
    transforms = _transforms(draws, tf.shape(images)[1], tf.shape(images)[2], params)
    images = _warp(*_upsampled(images, transforms), "BILINEAR", tf.shape(masks)[1:])
    masks = _warp(masks[..., None], transforms, "NEAREST", tf.shape(masks)[1:])[..., 0]
    return _recolour(images, draws, params), masks


def without_geometry(params: Augmentation) -> Augmentation:
    """Returns the parameters without scale, stretch and rotation, for the last epochs.

    Augmented images are softer, closer and more tilted than real ones, to which the network adapts
    at the end (Ge et al., arXiv:2107.08430, section 2; Touvron et al., arXiv:1906.06423).
    """
    return params.model_copy(update={"scale": (1.0, 1.0), "stretch": 0.0, "rotation": 0.0})


def versions(image, mask, draws: tf.Tensor, params: Augmentation):
    """Augments one example once for each draw: numpy uint8 (N, H, W, 3) and (N, H, W)."""
    count = len(draws)
    images, masks = augment(
        tf.repeat(image[None], count, axis=0), tf.repeat(mask[None], count, axis=0), draws, params
    )
    return tf.cast(images, tf.uint8).numpy(), masks.numpy()


def _transforms(draws, height, width, params: Augmentation):
    """Returns projective transforms float32 (B, 8) from output to input pixels (x to the right)."""
    height, width = tf.cast(height, tf.float32), tf.cast(width, tf.float32)
    low, high = params.scale
    scale = low + (high - low) * draws[:, 0]
    stretch = tf.exp(_signed(draws[:, 1]) * math.log1p(params.stretch))
    angle = _signed(draws[:, 2]) * math.radians(params.rotation)
    mirror = tf.where(draws[:, 3] < 0.5 * params.flip, -1.0, 1.0)
    x_scale, y_scale = scale * stretch, scale / stretch

    a0, a1 = mirror * x_scale * tf.cos(angle), -mirror * x_scale * tf.sin(angle)
    b0, b1 = y_scale * tf.sin(angle), y_scale * tf.cos(angle)
    x_centre, y_centre = (width - 1) / 2, (height - 1) / 2
    x_shift = _signed(draws[:, 4]) * tf.abs(1 - x_scale) * width / 2
    y_shift = _signed(draws[:, 5]) * tf.abs(1 - y_scale) * height / 2
    a2 = x_centre + x_shift - a0 * x_centre - a1 * y_centre
    b2 = y_centre + y_shift - b0 * x_centre - b1 * y_centre
    zeros = tf.zeros_like(a0)
    return tf.stack([a0, a1, a2, b0, b1, b2, zeros, zeros], axis=1)


def _upsampled(images, transforms) -> tuple[tf.Tensor, tf.Tensor]:
    """Upsamples images by SUPERSAMPLING, and adapts the transforms.

    The original pixels stay on the grid. Points between them are interpolated by cubic convolution
    (Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP 1981).
    """
    size = SUPERSAMPLING * (tf.shape(images)[1:3] - 1) + 1
    finer = tf.raw_ops.ResizeBicubic(images=images, size=size, align_corners=True)
    return finer, tf.concat([SUPERSAMPLING * transforms[:, :6], transforms[:, 6:]], axis=1)


def _warp(images, transforms, interpolation: str, shape):
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=transforms,
        output_shape=shape,
        fill_value=0.0,
        interpolation=interpolation,
        fill_mode="REFLECT",
    )


def _recolour(images, draws, params: Augmentation):
    def factor(column: int, largest: float):
        return (1 + _signed(draws[:, column]) * largest)[:, None, None, None]

    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = grey + (images - grey) * factor(6, params.saturation)
    mean = tf.reduce_mean(images, axis=(1, 2, 3), keepdims=True)
    images = mean + (images - mean) * factor(7, params.contrast)
    images += 255 * (factor(8, params.brightness) - 1)
    return tf.clip_by_value(images, 0, 255)


def _signed(uniform):
    return 2 * uniform - 1
