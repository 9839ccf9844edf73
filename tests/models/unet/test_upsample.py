"""The upsample block matches pix2pix and the package."""

import sys
from types import ModuleType

import keras
import numpy as np
import pytest

from petseg.core.errors import PetsegError
from petseg.models.unet.upsample import tensorflow_examples_upsample, upsample


def test_layers_match_pix2pix():
    block = upsample(7, 3, dropout=0.5)
    block.build((None, 4, 4, 5))
    convolution, normalization, dropout, relu = block.layers
    assert isinstance(convolution, keras.layers.Conv2DTranspose)
    assert convolution.kernel.shape == (3, 3, 7, 5)
    assert convolution.strides == (2, 2) and convolution.padding == "same"
    assert not convolution.use_bias
    assert isinstance(normalization, keras.layers.BatchNormalization)
    assert isinstance(dropout, keras.layers.Dropout) and dropout.rate == 0.5
    assert isinstance(relu, keras.layers.ReLU)


def test_kernel_initializer_is_normal_with_deviation_0_02():
    block = upsample(64, 3)
    block.build((None, 4, 4, 64))
    kernel = np.array(block.layers[0].kernel)
    assert abs(kernel.mean()) < 0.001
    assert kernel.std() == pytest.approx(0.02, rel=0.05)


def test_outputs_have_double_size_and_are_not_negative():
    outputs = np.array(upsample(7, 3)(np.random.default_rng(0).normal(size=(2, 4, 6, 5))))
    assert outputs.shape == (2, 8, 12, 7)
    assert outputs.min() == 0 and outputs.max() > 0


def test_dropout_0_adds_no_layer():
    assert len(upsample(7, 3).layers) == 3


def test_outputs_equal_those_of_the_package():
    pytest.importorskip("tensorflow_examples")
    theirs, ours = tensorflow_examples_upsample(7, 3), upsample(7, 3)
    x = np.random.default_rng(0).normal(size=(2, 4, 4, 5)).astype(np.float32)
    theirs(x), ours(x)
    assert [w.shape for w in theirs.weights] == [w.shape for w in ours.weights]
    ours.set_weights(theirs.get_weights())
    np.testing.assert_allclose(theirs(x, training=True), ours(x, training=True), atol=1e-5)


PIX2PIX = "tensorflow_examples.models.pix2pix.pix2pix"


def load_stand_in(monkeypatch) -> None:
    """Its block has our layers."""
    module = ModuleType(PIX2PIX)
    module.upsample = lambda filters, size, apply_dropout: upsample(
        filters, size, dropout=0.5 * apply_dropout
    )
    parts = PIX2PIX.split(".")
    for depth in range(1, len(parts)):
        name = ".".join(parts[:depth])
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, PIX2PIX, module)
    sys.modules[PIX2PIX.rpartition(".")[0]].pix2pix = module


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_the_package_block_gets_our_name_and_dropout(monkeypatch, dropout):
    load_stand_in(monkeypatch)
    block = tensorflow_examples_upsample(7, 3, dropout=dropout, name="upsample_1")
    assert block.name == "upsample_1"
    assert any(isinstance(layer, keras.layers.Dropout) for layer in block.layers) == bool(dropout)


@pytest.mark.parametrize("loaded", [False, True])
def test_a_missing_package_is_reported_with_its_installation(monkeypatch, uninstall, loaded):
    if loaded:
        load_stand_in(monkeypatch)
    uninstall("tensorflow_examples")
    with pytest.raises(
        PetsegError, match=r"pip install git\+https://github.com/tensorflow/examples"
    ):
        tensorflow_examples_upsample(7, 3)


def test_the_package_block_refuses_other_dropout_rates():
    with pytest.raises(PetsegError, match=r"dropout 0 or 0\.5, not 0\.2"):
        tensorflow_examples_upsample(7, 3, dropout=0.2)
