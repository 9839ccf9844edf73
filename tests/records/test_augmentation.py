"""Augmentation: image and mask have the same geometry, and nothing else changes."""

import numpy as np
import pytest
import tensorflow as tf

from petseg.core.dataset_spec import VOID
from petseg.core.training_params import Augmentation
from petseg.records.augmentation import DRAWS, augment, draw, without_geometry
from tests.helpers.sections import changed

NOTHING = Augmentation(
    flip=False,
    scale=(1.0, 1.0),
    stretch=0.0,
    rotation=0.0,
    brightness=0.0,
    contrast=0.0,
    saturation=0.0,
)
EVERYTHING = Augmentation(
    flip=True,
    scale=(0.6, 1.2),
    stretch=0.2,
    rotation=20.0,
    brightness=0.2,
    contrast=0.2,
    saturation=0.3,
)
LABELS = np.array([0, 1, 2, VOID], np.uint8)
COLOURS = np.array([[200, 60, 20], [30, 90, 220], [120, 130, 125], [250, 250, 60]], np.uint8)
HEIGHT, WIDTH = 48, 64


def scenes(count: int = 8):
    """Returns images whose colours identify the labels: large rectangles on a background."""
    rng, side = np.random.default_rng(3), HEIGHT
    kinds = np.ones((count, HEIGHT, WIDTH), np.uint8)
    kinds[:, :, -14:] = 3
    for kind in kinds:
        top, left = rng.integers(4, side // 3, size=2)
        kind[top : top + side // 2, left : left + side // 2] = 2
        kind[top + 5 : top + side // 2 - 5, left + 5 : left + side // 2 - 5] = 0
    return COLOURS[kinds], LABELS[kinds]


def augmented(settings: Augmentation, draws=None, inside_tf_data: bool = False):
    images, masks = scenes()
    draws = draw(len(images), 0, 0) if draws is None else draws
    if not inside_tf_data:
        return [t.numpy() for t in augment(images, masks, draws, settings)]
    batches = tf.data.Dataset.from_tensors((images, masks, draws)).map(
        lambda *batch: augment(*batch, settings)
    )
    return next(batches.as_numpy_iterator())


@pytest.mark.parametrize("inside_tf_data", [False, True])
def test_mask_has_the_geometry_of_its_image(inside_tf_data):
    """Far from edges, a pixel's colour still identifies its label after any change."""
    geometry = changed(EVERYTHING, brightness=0.0, contrast=0.0, saturation=0.0)
    images, masks = augmented(geometry, inside_tf_data=inside_tf_data)
    distance = np.abs(images[..., None, :] - COLOURS.astype(np.float32)).max(axis=-1)
    pure = distance.min(axis=-1) < 0.25
    assert pure.mean() > 0.7
    np.testing.assert_array_equal(LABELS[distance.argmin(axis=-1)][pure], masks[pure])
    assert not np.array_equal(masks, scenes()[1])


def test_eager_and_tf_data_agree():
    """Up to float32 rounding, which may change the label of a pixel on an edge."""
    (images, masks), (others, their_masks) = (augmented(EVERYTHING, None, way) for way in (0, 1))
    np.testing.assert_allclose(images, others, rtol=0, atol=0.01)
    assert (masks != their_masks).mean() < 0.001


def test_shapes_types_and_ranges():
    images, masks = augmented(EVERYTHING)
    assert images.shape == (8, HEIGHT, WIDTH, 3) and images.dtype == np.float32
    assert masks.shape == (8, HEIGHT, WIDTH) and masks.dtype == np.uint8
    assert images.min() >= 0 and images.max() <= 255
    assert set(np.unique(masks)) == {0, 1, 2, VOID}, "labels are not interpolated"


def test_augmentation_with_zero_ranges_is_identity():
    images, masks = augmented(NOTHING)
    np.testing.assert_allclose(images, scenes()[0], atol=1e-3)
    np.testing.assert_array_equal(masks, scenes()[1])


def test_without_geometry_changes_only_colours():
    images, masks = augmented(changed(without_geometry(EVERYTHING), flip=False))
    np.testing.assert_array_equal(masks, scenes()[1])
    assert np.abs(images - scenes()[0]).mean() > 5


def test_flip_mirrors_image_and_mask():
    draws = np.full((8, DRAWS), 0.5, np.float32)
    draws[:, 3] = 0.0
    images, masks = augmented(changed(NOTHING, flip=True), draws)
    np.testing.assert_allclose(images, scenes()[0][:, :, ::-1], atol=1e-3)
    np.testing.assert_array_equal(masks, scenes()[1][:, :, ::-1])


def test_scale_is_side_of_visible_window():
    """At scale 0.5 and without a shift, the middle half fills the image."""
    draws = np.full((8, DRAWS), 0.5, np.float32)
    _, masks = augmented(changed(NOTHING, scale=(0.5, 0.5)), draws)
    middle = scenes()[1][:, 12:36, 16:48].repeat(2, axis=1).repeat(2, axis=2)
    assert (masks == middle).mean() > 0.97


def test_window_below_scale_1_stays_inside_the_image():
    """No pixel is reflected at an edge if the scale is below 1."""
    rows = np.linspace(0, 255, 48, dtype=np.uint8)
    ramp = np.broadcast_to(rows[:, None, None], (200, 48, 48, 3))
    settings = changed(NOTHING, scale=(0.3, 0.9))
    images, _ = augment(ramp, np.zeros((200, 48, 48), np.uint8), draw(200, 1, 1), settings)
    assert (np.diff(images.numpy()[:, :, 0, 0], axis=1) > 0).all()


def test_rotation_keeps_aspect_ratio_in_non_square_image():
    """A square rotated by 45 degrees has diagonals of 33 pixels along both axes."""
    masks = np.zeros((1, 48, 96), np.uint8)
    masks[0, 12:36, 36:60] = 1
    draws = np.full((1, DRAWS), 0.5, np.float32)
    draws[:, 2] = 1.0
    settings = changed(NOTHING, rotation=45.0)
    _, turned = augment(masks[..., None].repeat(3, -1), masks, draws, settings)
    middle = turned.numpy()[0, :, 24:72]  # without the reflections of the square
    for axis in (0, 1):
        assert np.count_nonzero(middle.any(axis=axis)) == pytest.approx(33, abs=1)


def test_colour_changes_keep_the_mask():
    colours = changed(NOTHING, brightness=0.3, contrast=0.3, saturation=0.3)
    images, masks = augmented(colours)
    np.testing.assert_array_equal(masks, scenes()[1])
    assert np.abs(images - scenes()[0]).mean() > 5


def test_draws_depend_only_on_seed_epoch_and_index():
    np.testing.assert_array_equal(draw(10, 1, 2), draw(10, 1, 2))
    for other in (draw(10, 1, 3), draw(10, 2, 2)):
        assert not np.array_equal(draw(10, 1, 2), other)
    assert len(np.unique(draw(10, 1, 2))) == 10 * DRAWS


def test_rotation_keeps_fine_contrast():
    """For stripes of four pixels, plain bilinear interpolation keeps a contrast of 0.81."""
    stripes = np.round(127.5 + 100 * np.sin(np.pi / 2 * np.arange(64) + 0.5)).astype(np.uint8)
    images = np.broadcast_to(stripes[None, None, :, None], (8, 64, 64, 3))
    settings = changed(NOTHING, rotation=15.0)
    turned, _ = augment(images, images[..., 0], draw(8, 0, 0), settings)
    contrast = turned.numpy()[:, 16:48, 16:48].std() / images.std()
    assert 0.93 < contrast < 1.02
