"""What must hold for every network: shapes, learning, saving."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from petseg.training.losses import segmentation_loss
from tests.helpers import networks
from tests.helpers.networks import SIDE, squares
from tests.helpers.sections import SHIPPED

BUILDERS = {
    "unet": partial(networks.unet, fine_tune_from="stem", refinement_filters=8),
    "upscaled": partial(
        networks.unet,
        fine_tune_from="stem",
        encoder_upscale=2,
        skip_connections="bottlenecks",
        decoder_filters=(16, 16, 8),
        refinement_filters=8,
    ),
    "tutorial": partial(networks.unet, fine_tune_from="stem", input_range=(0.0, 1.0)),
    "shallow": partial(networks.shallow, width=8),
}


@pytest.fixture(scope="module", params=BUILDERS)
def network(request) -> keras.Model:
    keras.utils.set_random_seed(0)
    return BUILDERS[request.param]()


def test_logits_of_three_classes_at_full_size_in_float32(network):
    logits = network(squares()[0], training=False)
    assert logits.shape == (4, SIDE, SIDE, 3)
    assert logits.dtype == tf.float32
    assert float(tf.reduce_min(logits)) < 0


def test_training_steps_lower_the_loss(network):
    images, masks = squares()
    loss_settings = SHIPPED.train_unet.loss
    optimizer = keras.optimizers.Adam(0.01)
    variables = network.trainable_variables
    optimizer.build(variables)

    def step() -> float:
        """Not as a graph, which takes as long as ten steps."""
        with tf.GradientTape() as tape:
            logits = network(images, training=True)
            loss = tf.reduce_mean(segmentation_loss(masks, logits, loss_settings))
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        return float(loss)

    losses = [step() for _ in range(4)]
    assert losses[-1] < 0.8 * losses[0]


def test_save_and_load_give_the_same_output(network, tmp_path):
    images, _ = squares()
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(network(images), loaded(images))
