"""What must hold for every network: shapes, learning, saving; and what each promises of itself."""

from functools import partial

import keras
import numpy as np
import pytest
import tensorflow as tf

from petseg import params
from petseg.errors import PetsegError
from petseg.models import mobilenet_unet, mobilenet_v2, shallow
from petseg.training.losses import segmentation_loss
from tests.helpers import networks
from tests.helpers.networks import SIDE

BUILDERS = {
    "unet": partial(networks.unet, fine_tune_from="stem", refinement_filters=8),
    "enlarged": partial(
        networks.unet,
        fine_tune_from="stem",
        enlarge=2,
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


def photographs(count: int = 4):
    rng = np.random.default_rng(0)
    masks = rng.integers(0, 3, size=(count, 4, 4), dtype=np.uint8).repeat(8, 1).repeat(8, 2)
    return np.array([200, 20, 110], np.float32)[masks][..., None].repeat(3, -1), masks


def test_logits_of_three_classes_at_full_size_in_float32(network):
    logits = network(photographs()[0], training=False)
    assert logits.shape == (4, SIDE, SIDE, 3)
    assert logits.dtype == tf.float32
    assert float(tf.reduce_min(logits)) < 0


def test_training_steps_lower_the_loss(network):
    images, masks = photographs()
    loss_settings = params.load().train_unet.loss
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
    images, _ = photographs()
    network.save(tmp_path / "network.keras")
    loaded = keras.saving.load_model(tmp_path / "network.keras")
    np.testing.assert_array_equal(network(images), loaded(images))


def test_unet_has_the_tutorial_s_size(tmp_path):
    """https://www.tensorflow.org/tutorials/images/segmentation, with its frozen encoder."""
    weights = mobilenet_v2.store(mobilenet_v2.build(None, 1.0), {}, tmp_path)
    model = mobilenet_unet.build(128, encoder_weights=weights)
    assert model.count_params() == 6_504_227
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == 4_660_323


@pytest.mark.parametrize(
    ("skip_connections", "channels"),
    {"expansions": [96, 144, 192, 576, 320], "bottlenecks": [16, 24, 32, 96, 320]}.items(),
)
def test_unet_takes_the_five_known_layers_of_the_encoder(skip_connections, channels):
    model = mobilenet_unet.build(128, encoder_weights=None, skip_connections=skip_connections)
    encoder = model.get_layer("encoder")
    assert [output.shape[1:] for output in encoder.outputs] == [
        (side, side, depth) for side, depth in zip((64, 32, 16, 8, 4), channels, strict=True)
    ]


def test_an_expansion_is_computed_from_the_bottleneck_of_its_level_alone():
    network = mobilenet_v2.build(128, 1.0)
    levels = zip(*mobilenet_unet.SKIP_LAYERS.values(), strict=True)
    for expansion, bottleneck in levels:
        convolution = network.get_layer(expansion.removesuffix("_relu"))
        assert convolution.input is network.get_layer(bottleneck).output


@pytest.mark.parametrize(("enlarge", "blocks"), params.DECODER_BLOCKS.items())
def test_an_enlarged_photograph_is_decoded_up_to_half_its_own_side(enlarge, blocks):
    model = mobilenet_unet.build(
        64, encoder_weights=None, enlarge=enlarge, decoder_filters=(8,) * blocks
    )
    encoder = model.get_layer("encoder")
    assert encoder.input.shape[1] == 64 * enlarge
    assert encoder.outputs[-1].shape[1] == 2 * enlarge
    assert model.get_layer(f"skip_connection_{blocks}").output.shape[1] == 32
    assert model.output.shape == (None, 64, 64, 3)


def test_a_pretrained_encoder_keeps_its_statistics_also_in_training(encoder_weights):
    model = networks.unet(encoder_weights=encoder_weights, fine_tune_from="stem")
    encoder = model.get_layer("encoder")
    before = [np.array(v) for v in encoder.variables]
    inference, training = (encoder(photographs()[0], training=mode) for mode in (False, True))
    model(photographs()[0], training=True)
    for one, other in zip(before, encoder.variables, strict=True):
        np.testing.assert_array_equal(one, other)
    for one, other in zip(inference, training, strict=True):
        np.testing.assert_array_equal(one, other)
    names = {variable.path.split("/")[-1] for variable in encoder.trainable_variables}
    assert names == {"kernel", "gamma", "beta"}


def test_a_random_encoder_learns_its_statistics():
    model = BUILDERS["unet"]()
    mean = model.get_layer("encoder").get_layer("bn_Conv1").moving_mean
    model(photographs()[0], training=True)
    assert np.abs(mean).max() > 0


@pytest.mark.parametrize(
    ("fine_tune_from", "first"),
    [
        ("frozen", None),
        ("block_16", "block_16_expand"),
        ("block_1", "block_1_expand"),
        ("stem", "Conv1"),
    ],
)
def test_fine_tuning_begins_at_the_named_block(encoder_weights, fine_tune_from, first):
    model = networks.unet(encoder_weights=encoder_weights, fine_tune_from=fine_tune_from)
    encoder = model.get_layer("encoder")
    trainable = [layer.name for layer in encoder.layers if layer.trainable and layer.weights]
    assert (trainable[0] if trainable else None) == first
    assert bool(mobilenet_unet.encoder_variables(model)) == (first is not None)


def test_weights_of_another_width_are_refused(encoder_weights):
    with pytest.raises(
        PetsegError, match=r"encoder\.weights\.h5 does not hold .* encoder_alpha 0\.5"
    ):
        mobilenet_v2.build(SIDE, 0.5, encoder_weights)


@pytest.mark.parametrize("black_and_white", [(-1.0, 1.0), (0.0, 1.0)])
def test_rescaling_is_inside(black_and_white):
    """The encoder sees this range where the model is given [0, 255]."""
    black, white = black_and_white
    model = networks.unet(input_range=black_and_white)
    rescaled = model.get_layer("rescaling")(np.array([0.0, 127.5, 255.0]))
    np.testing.assert_allclose(rescaled, [black, (black + white) / 2, white], atol=1e-6)


def test_the_subpixels_of_a_place_become_its_four_pixels():
    """With a classifier that only tells the sub-pixels apart, every 2x2 pixels are 0 1 / 2 3."""
    model = BUILDERS["unet"]()
    classifier = model.get_layer("classifier")
    kernel, _ = classifier.get_weights()
    classifier.set_weights([np.zeros_like(kernel), np.arange(12) // 3])
    logits = model(photographs(1)[0], training=False)[0, ..., 0]
    np.testing.assert_array_equal(logits, np.tile([[0, 1], [2, 3]], (SIDE // 2, SIDE // 2)))


def convolutions_on_the_longest_path(model: keras.Model) -> int:
    """Convolution layers that a pixel passes at most on its way to the logits."""
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


def test_shallow_is_shallow():
    model = shallow.build(128, width=params.load().train_shallow.width)
    assert convolutions_on_the_longest_path(model) == 4
    assert model.count_params() <= 150_000


RECEPTIVE_FIELDS = {
    "edges": 5,
    "textures": 9,
    "surroundings_1": 17,
    "surroundings_3": 33,
    "surroundings_6": 61,
    "surroundings_12": 117,
}


@pytest.mark.parametrize(("layer", "pixels"), RECEPTIVE_FIELDS.items())
def test_receptive_fields_are_as_documented(layer, pixels):
    """Which input pixels move one place of a convolution's output."""
    model = shallow.build(256, width=2)
    rng = np.random.default_rng(0)
    for convolution in model.layers:
        if "Conv" in type(convolution).__name__:
            convolution.set_weights(
                [rng.uniform(0.1, 1, w.shape) for w in convolution.get_weights()]
            )
    seen = keras.Model(model.input, model.get_layer(layer).output)
    x = tf.fill((1, 256, 256, 3), 255.0)
    with tf.GradientTape() as tape:
        tape.watch(x)
        outputs = seen(x, training=False)
        middle = outputs[0, outputs.shape[1] // 2, outputs.shape[2] // 2, 0]
    moved = np.flatnonzero(tape.gradient(middle, x).numpy()[0].any(axis=(0, 2)))
    assert moved[-1] - moved[0] + 1 == pixels


def test_a_place_gets_the_average_of_the_places_that_look_as_it_does():
    side, kinds = 8, 2
    features, context = (keras.Input((side, side, kinds)) for _ in range(2))
    model = keras.Model([features, context], shallow._of_similar_places(features, context))
    model.get_layer("attention").set_weights([np.array(100.0)])
    kind = np.random.default_rng(0).integers(0, kinds, (side, side))
    values = np.random.default_rng(1).uniform(size=(side, side, kinds)).astype(np.float32)
    found = model([np.eye(kinds, dtype=np.float32)[kind][None], values[None]])[0]
    for one in range(kinds):
        expected = np.broadcast_to(values[kind == one].mean(axis=0), (np.sum(kind == one), kinds))
        np.testing.assert_allclose(found[kind == one], expected, rtol=1e-5)
