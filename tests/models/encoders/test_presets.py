"""Every suitable KerasHub family works in the U-Net."""

import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from petseg.acceleration import accelerate
from petseg.app import export_formats
from petseg.core.errors import PetsegError
from petseg.models import unet
from petseg.training import state, step
from petseg.training.optimizers import set_learning_rate
from tests.helpers import networks, presets, training
from tests.helpers.processes import run_python
from tests.helpers.same_function import outputs_and_gradients
from tests.helpers.specs import PETS

pytest.importorskip("keras_hub")

SIZE = (64, 64)
BY_LEVEL = [name for name in presets.FAMILIES if name != "hgnetv2"]
"""The families whose layers can be separated by level."""


@pytest.fixture(scope="module", params=presets.FAMILIES)
def preset(request, tmp_path_factory) -> Path:
    return presets.save(request.param, tmp_path_factory.mktemp("presets") / request.param)


def network(preset: Path, size: tuple[int, int] = SIZE, **changes) -> keras.Model:
    return networks.unet(size, weights=preset, encoder=str(preset), **changes)


def arrays(variables) -> list[np.ndarray]:
    return [np.array(variable) for variable in variables]


def test_the_decoder_uses_the_available_levels(preset):
    model = network(preset)
    shapes = [output.shape[1:3] for output in model.get_layer("encoder")(keras.Input((*SIZE, 3)))]
    finest = 2 if preset.name == "hgnetv2" else 1
    assert shapes == [(64 >> level, 64 >> level) for level in range(finest, 6)]
    skips = [layer.name for layer in model.layers if layer.name.startswith("skip_connection")]
    assert skips == [f"skip_connection_{number}" for number in range(1, 6 - finest)]
    assert model.output_shape == (None, *SIZE, 3)
    assert model.output.dtype == "float32"


def test_saving_and_acceleration_keep_the_function(preset, tmp_path):
    model = network(preset, fine_tune_from="stem")
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    images = networks.squares(size=SIZE)[0]
    logits = model(images).numpy()
    np.testing.assert_array_equal(loaded(images), logits)
    accelerated = accelerate(model)
    np.testing.assert_allclose(accelerated(images), logits, atol=1e-5 * np.abs(logits).max())
    assert {id(v) for v in accelerated.variables} == {id(v) for v in model.variables}


def test_gradients_reach_the_first_trainable_layer(preset):
    model = network(preset, fine_tune_from="stem")
    first = model.get_layer("encoder").trainable_variables[0]
    _, *gradients = outputs_and_gradients(model)
    index = [id(v) for v in model.trainable_variables].index(id(first))
    assert np.abs(gradients[index]).max() > 0


@pytest.mark.slow
def test_training_lowers_the_loss_and_keeps_frozen_layers(preset):
    start = "level_4" if preset.name in BY_LEVEL else "stem"
    params = training.settings(batch_size=4, ema_decay=0.0, loss=PLAIN)
    run = state.create(
        lambda: network(preset, fine_tune_from=start),
        params,
        scaled_groups=training.no_groups,
        seed=1,
        policy="float32",
        strategy=tf.distribute.get_strategy(),
    )
    encoder = run.model.get_layer("encoder")
    trained = {id(v) for v in encoder.trainable_variables}
    normalization = [v for v in encoder.variables if v.path.endswith(("mean", "variance"))]
    frozen = [v for v in encoder.weights if id(v) not in trained]
    trainable = encoder.trainable_variables
    before, learnt = arrays(frozen), arrays(trainable)
    train_step = step.training_step(
        run, params, training.objective(params), tf.distribute.get_strategy()
    )
    set_learning_rate(run.groups, 0.002)
    images, masks = map(tf.constant, networks.squares(size=SIZE))
    losses = [float(train_step(images, masks, tf.constant(0.0))[0]) for _ in range(12)]
    assert min(losses[6:]) < losses[0]
    assert all(map(np.array_equal, before, arrays(frozen)))
    assert any(not np.array_equal(*p) for p in zip(learnt, arrays(trainable), strict=True))
    assert all(id(v) not in trained for v in normalization)  # pretrained, so in inference mode
    assert frozen or preset.name == "vgg"  # vgg has no normalization


PLAIN = {"cross_entropy": 1.0, "dice": 0.0, "class_weights": {}, "label_smoothing": 0.0}


@pytest.mark.slow
def test_a_network_with_a_preset_is_exported(preset, tmp_path):
    model, images = network(preset), networks.squares(2, SIZE)[0]
    logits = model(images).numpy()
    tflite = export_formats.FORMATS["tflite_float32"]  # made from a SavedModel, so tests both
    tflite.write(export_formats.Source(model, PETS), tmp_path / tflite.file)
    exported = tflite.load(tmp_path / tflite.file).run(images)
    np.testing.assert_allclose(exported, logits, atol=1e-4 * np.abs(logits).max())


WITHOUT_KERAS_HUB = """
import sys
from pathlib import Path
sys.modules["keras_hub"] = None
from petseg.core.errors import PetsegError
from petseg.evaluation import inference
try:
    inference.load_network(Path("unet.keras"))
except PetsegError as error:
    print(error)
"""


@pytest.mark.slow
def test_loading_without_keras_hub_names_the_package(tmp_path):
    network(presets.save("hgnetv2", tmp_path / "preset")).save(tmp_path / "unet.keras")
    done = run_python("-c", WITHOUT_KERAS_HUB, folder=tmp_path)
    assert done.stdout.startswith("unet.keras needs KerasHub, which is not installed:"), done.stderr


@pytest.mark.parametrize("start", ["frozen", "level_1", "level_2", "level_5"])
def test_fine_tuning_starts_after_the_previous_level(tmp_path, start):
    preset = presets.save("resnet", tmp_path / "resnet")
    encoder = network(preset, fine_tune_from=start).get_layer("encoder")
    trained = [layer.name for layer in encoder.layers if layer.trainable and layer.weights]
    first = {"level_1": "conv1_conv", "level_2": "stack0", "level_5": "stack3"}
    assert trained[0].startswith(first[start]) if start in first else not trained


def test_batch_normalization_of_random_weights_is_trained(tmp_path):
    preset = presets.save("mobilenet_v3", tmp_path / "preset")
    (preset / "model.weights.h5").unlink()
    encoder = network(preset, fine_tune_from="stem").get_layer("encoder")
    found = [
        layer
        for layer in encoder._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert found and all(layer.trainable and layer.momentum == 0.9 for layer in found)


@pytest.mark.parametrize(
    ("converter", "white"),
    [
        (None, [1.0, 1.0, 1.0]),
        ({"scale": 1 / 255}, [1.0, 1.0, 1.0]),
        ({}, [255.0, 255.0, 255.0]),
        ({"scale": [0.01, 0.02, 0.03], "offset": [-1.0, 0.0, 1.0]}, [1.55, 5.1, 8.65]),
    ],
)
def test_rescaling_follows_the_converter_of_the_preset(tmp_path, converter, white):
    preset = presets.save("vgg", tmp_path / "vgg", converter)
    rescaled = network(preset).get_layer("rescaling")(np.full((1, 1, 1, 3), 255.0))
    np.testing.assert_allclose(rescaled[0, 0, 0], white, rtol=1e-6)


def refusal(preset: Path, size: tuple[int, int] = SIZE, **changes) -> str:
    section = networks.unet_section(encoder=str(preset), **changes)
    with pytest.raises(PetsegError) as caught:
        unet.require_usable(size, section, preset)
    message = str(caught.value)
    assert message.startswith("train_unet.")
    return message


def test_a_family_that_cannot_be_an_encoder_is_refused(tmp_path):
    xception = presets.save("xception", tmp_path / "xception")
    assert "xception cannot be loaded by KerasHub: Inputs have incompatible" in refusal(xception)
    vit = presets.save("vit", tmp_path / "vit")
    assert "vit cannot be the encoder of a U-Net for images of 256x256 pixels" in refusal(
        vit, (256, 256)
    )


def test_a_family_that_cannot_be_reloaded_is_refused(tmp_path):
    mit = presets.save("mit", tmp_path / "mit")
    assert refusal(mit).endswith("its layers could not be loaded again from a saved network")


class Squares(keras.layers.Layer):
    """Accepts only square images; fails only at run time."""

    def call(self, images):
        return tf.reshape(images[:, :, : tf.shape(images)[1]], tf.shape(images))

    def compute_output_shape(self, shape):
        return shape


def test_an_encoder_that_fails_at_run_time_is_refused(tmp_path, monkeypatch):
    def build(size, classes, params, stored):
        images = keras.Input((*size, 3))
        return keras.Model(images, Squares()(images))

    monkeypatch.setattr(unet.network, "build", build)
    with keras.saving.custom_object_scope({"Squares": Squares}):
        message = refusal(tmp_path / "mine", (64, 96))
        unet.require_usable(SIZE, networks.unet_section(encoder="mine"), None)
    assert "mine cannot be the encoder of a U-Net for images of 64x96 pixels: " in message
    assert "\n" not in message and "Exception encountered" not in message


def test_params_that_do_not_fit_the_encoder_are_refused(tmp_path):
    hgnet = presets.save("hgnetv2", tmp_path / "hgnetv2")
    assert "cannot be separated by level; set it to frozen or stem" in refusal(
        hgnet, fine_tune_from="level_3"
    )
    resnet = presets.save("resnet", tmp_path / "resnet")
    assert refusal(resnet, decoder_filters=(8, 8)).startswith(
        f"train_unet.decoder_filters: 2 upsample blocks, but {resnet}, whose coarsest features "
        "are at 1/32 of its input, needs 4"
    )
    shutil.rmtree(resnet)
    assert "resnet cannot be loaded by KerasHub" in refusal(resnet)
