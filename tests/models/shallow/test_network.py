"""The shallow network's depth and receptive fields."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from petseg.models.shallow import network
from tests.helpers import networks
from tests.helpers.sections import SHIPPED


def convolutions_on_the_longest_path(model: keras.Model) -> int:
    depth: dict[str, int] = {}
    for layer in model.layers:
        sources = [
            operation.name
            for node in layer._inbound_nodes
            for operation in node.parent_nodes and [n.operation for n in node.parent_nodes]
        ]
        own = int("Conv" in type(layer).__name__)
        depth[layer.name] = own + max((depth[name] for name in sources), default=0)
    return max(depth.values())


def test_shallow_has_four_convolution_layers():
    model = network.build((128, 128), 3, SHIPPED.train_shallow)
    assert convolutions_on_the_longest_path(model) == 4
    assert model.count_params() <= 150_000


RECEPTIVE_FIELDS = {
    "edges": 10,
    "textures": 18,
    "context_1": 34,
    "context_3": 66,
    "context_6": 122,
    "context_12": 234,
}


@pytest.mark.parametrize(("layer", "pixels"), RECEPTIVE_FIELDS.items())
def test_receptive_fields_are_as_documented(layer, pixels):
    """Measures which inputs affect one output pixel."""
    model = networks.shallow((512, 512), width=2)
    rng = np.random.default_rng(0)
    for convolution in model.layers:
        if "Conv" in type(convolution).__name__:
            convolution.set_weights(
                [rng.uniform(0.1, 1, w.shape) for w in convolution.get_weights()]
            )
    seen = keras.Model(model.input, model.get_layer(layer).output)
    x = tf.fill((1, 512, 512, 3), 255.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = seen(x, training=False)
        middle = outputs[0, outputs.shape[1] // 2, outputs.shape[2] // 2, 0]
    moved = np.flatnonzero(tape.gradient(middle, x).numpy()[0].any(axis=(0, 2)))
    assert moved[-1] - moved[0] + 1 == pixels


@pytest.mark.parametrize(
    ("size", "keys"), [((128, 128), 16 * 16), ((128, 512), 16 * 16), ((64, 192), 8 * 24)]
)
def test_self_attention_has_few_keys_along_each_side(size, keys):
    """Rectangles have the image's aspect ratio; in a small image, each pixel at 1/8 has a key."""
    model = networks.shallow(size, width=2)
    assert model.get_layer("keys").output.shape == (None, keys, 5)
    assert model.output_shape == (None, *size, 3)


def test_self_attention_averages_similar_pixels():
    size, kinds = (8, 12), 2
    features, context = (keras.Input((*size, kinds)) for _ in range(2))
    model = keras.Model([features, context], network._self_attention(features, context))
    model.get_layer("attention").set_weights([np.array(100.0)])
    kind = np.random.default_rng(0).integers(0, kinds, size)
    values = np.random.default_rng(1).uniform(size=(*size, kinds)).astype(np.float32)
    found = model([np.eye(kinds, dtype=np.float32)[kind][None], values[None]])[0]
    for one in range(kinds):
        expected = np.broadcast_to(values[kind == one].mean(axis=0), (np.sum(kind == one), kinds))
        np.testing.assert_allclose(found[kind == one], expected, rtol=1e-5)
