"""The tutorial's U-Net, and this project's additions."""

import numpy as np
import pytest

from petseg.core.params import DECODER_BLOCKS
from petseg.models import unet
from petseg.models.encoders import mobilenet_v2, storage
from petseg.models.encoders.mobilenet_v2 import SKIP_LAYERS
from tests.helpers import networks
from tests.helpers.networks import squares


def test_unet_has_the_size_of_the_tutorial(tmp_path):
    """Source: https://www.tensorflow.org/tutorials/images/segmentation, with a frozen encoder."""
    weights = storage.store(mobilenet_v2.build(None, 1.0), {}, tmp_path)
    model = networks.unet(
        (128, 128), weights=weights, encoder_alpha=1.0, decoder_filters=(512, 256, 128, 64)
    )
    assert model.count_params() == 6_504_227
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == 4_660_323


@pytest.mark.parametrize(
    ("skip_connections", "channels"),
    {"expansions": [96, 144, 192, 576, 320], "bottlenecks": [16, 24, 32, 96, 320]}.items(),
)
def test_unet_uses_the_five_documented_encoder_layers(skip_connections, channels):
    model = networks.unet((128, 128), encoder_alpha=1.0, skip_connections=skip_connections)
    encoder = model.get_layer("encoder")
    assert [output.shape[1:] for output in encoder.outputs] == [
        (side, side, depth) for side, depth in zip((64, 32, 16, 8, 4), channels, strict=True)
    ]


def test_an_expansion_depends_only_on_its_bottleneck():
    network = mobilenet_v2.build((128, 128), 1.0)
    levels = zip(*SKIP_LAYERS.values(), strict=True)
    for expansion, bottleneck in levels:
        convolution = network.get_layer(expansion.removesuffix("_relu"))
        assert convolution.input is network.get_layer(bottleneck).output


@pytest.mark.parametrize(("upscale", "blocks"), DECODER_BLOCKS.items())
def test_an_upscaled_image_is_decoded_to_half_of_its_side(upscale, blocks):
    model = networks.unet((64, 96), encoder_upscale=upscale, decoder_filters=(8,) * blocks)
    encoder = model.get_layer("encoder")
    assert encoder.input.shape[1:3] == (64 * upscale, 96 * upscale)
    assert encoder.outputs[-1].shape[1:3] == (2 * upscale, 3 * upscale)
    assert model.get_layer(f"skip_connection_{blocks}").output.shape[1:3] == (32, 48)
    assert model.output.shape == (None, 64, 96, 3)


def test_a_pretrained_encoder_keeps_its_statistics_in_training(encoder_weights):
    model = networks.unet(weights=encoder_weights, fine_tune_from="stem")
    encoder = model.get_layer("encoder")
    before = [np.array(v) for v in encoder.variables]
    inference, training = (encoder(squares()[0], training=mode) for mode in (False, True))
    model(squares()[0], training=True)
    for one, other in zip(before, encoder.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(inference, training, strict=True):
        np.testing.assert_array_equal(one, other)
    names = {variable.path.split("/")[-1] for variable in encoder.trainable_variables}
    assert names == {"kernel", "gamma", "beta"}


def test_a_random_encoder_learns_its_statistics():
    model = networks.unet(fine_tune_from="stem", refinement_filters=8)
    mean = model.get_layer("encoder").get_layer("bn_Conv1").moving_mean
    model(squares()[0], training=True)
    assert np.abs(mean).max() > 0


@pytest.mark.parametrize(
    ("fine_tune_from", "first"),
    [
        ("frozen", None),
        ("block_16", "block_16_expand"),
        ("block_1", "block_1_expand"),
        ("level_5", "block_13_expand"),
        ("level_3", "block_3_expand"),
        ("level_1", "Conv1"),
        ("stem", "Conv1"),
    ],
)
def test_fine_tuning_starts_at_the_named_block(encoder_weights, fine_tune_from, first):
    model = networks.unet(weights=encoder_weights, fine_tune_from=fine_tune_from)
    encoder = model.get_layer("encoder")
    trainable = [layer.name for layer in encoder.layers if layer.trainable and layer.weights]
    assert (trainable[0] if trainable else None) == first
    section = networks.unet_section(encoder_learning_rate_scale=0.25)
    ((variables, scale),) = unet.scaled_groups(model, section)
    assert scale == 0.25
    assert [id(v) for v in variables] == [id(v) for v in encoder.trainable_variables]
    assert bool(variables) == (first is not None)


@pytest.mark.parametrize("black_and_white", [(-1.0, 1.0), (0.0, 1.0)])
def test_the_model_rescales_to_the_encoder_range(black_and_white):
    """The model's input is [0, 255]."""
    black, white = black_and_white
    model = networks.unet(input_range=black_and_white)
    rescaled = model.get_layer("rescaling")(np.array([0.0, 127.5, 255.0]))
    np.testing.assert_allclose(rescaled, [black, (black + white) / 2, white], atol=1e-6)


def test_subpixels_become_four_pixels():
    """A classifier that numbers sub-pixels gives 0 1 / 2 3 for every 2x2 pixels."""
    size, classes = (32, 64), 5
    model = networks.unet(size, classes, fine_tune_from="stem", refinement_filters=8)
    classifier = model.get_layer("classifier")
    kernel, _ = classifier.get_weights()
    classifier.set_weights([np.zeros_like(kernel), np.arange(4 * classes) // classes])
    logits = model(squares(1, size)[0], training=False)[0, ..., -1]
    np.testing.assert_array_equal(logits, np.tile([[0, 1], [2, 3]], (16, 32)))
