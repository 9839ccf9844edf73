"""Properties of every network: shapes, classes, learning, saving, acceleration."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from petseg.acceleration import accelerate
from petseg.core.dataset_spec import MAX_CLASSES
from petseg.training.losses import Objective, segmentation_loss
from tests.helpers import networks
from tests.helpers.networks import squares
from tests.helpers.same_function import (
    assert_same_function,
    in_float64,
    outputs_and_gradients,
)
from tests.helpers.sections import SHIPPED

SIZE, CLASSES = (32, 64), 5
FINE_TUNED = {"fine_tune_from": "stem", "refinement_filters": 8}
BUILDERS = {
    "unet": partial(networks.unet, SIZE, CLASSES, **FINE_TUNED),
    "upscaled": partial(
        networks.unet,
        SIZE,
        CLASSES,
        encoder_upscale=2,
        skip_connections="bottlenecks",
        decoder_filters=(16, 16, 8),
        **FINE_TUNED,
    ),
    "tutorial": partial(
        networks.unet, SIZE, CLASSES, fine_tune_from="stem", input_range=(0.0, 1.0)
    ),
    "shallow": partial(networks.shallow, SIZE, CLASSES, width=8),
}


@pytest.fixture(scope="module", params=BUILDERS)
def network(request) -> keras.Model:
    keras.utils.set_random_seed(0)
    return BUILDERS[request.param]()


def test_logits_are_full_size_and_float32(network):
    logits = network(squares(4, SIZE, CLASSES)[0], training=False)
    assert logits.shape == (4, *SIZE, CLASSES)
    assert logits.dtype == tf.float32
    assert float(tf.reduce_min(logits)) < 0


def test_training_steps_lower_the_loss(network):
    images, masks = squares(4, SIZE, CLASSES)
    objective = Objective(SHIPPED.train_unet.loss, (1.0,) * CLASSES, has_void=False)
    optimizer = keras.optimizers.Adam(0.01)
    variables = network.trainable_variables
    optimizer.build(variables)

    def step() -> float:
        """Eager: building a graph takes as long as ten steps."""
        with tf.GradientTape() as tape:
            logits = network(images, training=True)
            loss = tf.reduce_mean(segmentation_loss(masks, logits, objective))
        optimizer.apply(tape.gradient(loss, [v.value for v in variables]), variables)
        return float(loss)

    losses = [step() for _ in range(4)]
    assert losses[-1] < 0.8 * losses[0]


def test_save_and_load_give_the_same_output(network, tmp_path):
    images, _ = squares(4, SIZE, CLASSES)
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(network(images), loaded(images))


@pytest.mark.parametrize("classes", [2, MAX_CLASSES])
def test_networks_take_any_number_of_classes_and_shape(classes):
    """The accelerated network is the same function."""
    shape = (64, 32)
    keras.utils.set_random_seed(0)  # some seeds make a layer's ReLU outputs all 0
    unet = networks.unet(shape, classes, refinement_filters=8 * (classes > 2))
    shallow = in_float64(lambda: networks.shallow(shape, classes))
    for network in (unet, shallow):
        assert network.output_shape == (None, *shape, classes)
    gradients = outputs_and_gradients(shallow)[1:]
    assert all(np.abs(one).max() > 0 for one in gradients)
    assert_same_function(shallow, accelerate(shallow))
