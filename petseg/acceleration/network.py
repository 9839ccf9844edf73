"""Rewrites a network to run faster: the same function, forward and backward.

Models consist of stock Keras layers. `accelerate` replaces some with faster ones. docs/speed.md
lists them with their speedups.
"""

from collections.abc import Collection
from typing import Any

import keras

from petseg.acceleration.layers import (
    FastBatchNormalization,
    FastConvolution,
    FastReLU6,
    FoldedConvolution,
)
from petseg.acceleration.operations import FAST, STOCK, Operations

TRICKS = ("folding", "padding", "batch_normalization", *Operations._fields)
"""What `accelerate` does, as named in benchmarks: fold batch normalization into convolutions,
remove padding layers, fuse batch normalization, and use custom gradients of these operations."""

PADDED_BY_STRIDE_2 = ((0, 1), (0, 1))
"""The zeros that padding SAME adds to an even side for a 3x3 convolution with stride 2."""


def accelerate(network: keras.Model, tricks: Collection[str] = TRICKS) -> keras.Model:
    """Returns a network that computes the same function of the same variables faster.

    Supports functional and built sequential models, also nested. Other models and layers are
    unchanged. The result shares its variables with `network`, but may list them in another order if
    branches lose layers. Save `network` instead: its file loads without this package. `tricks` are
    some of TRICKS.
    """
    if isinstance(network, keras.Sequential) and network.built:
        network = keras.Model(network.inputs, network.outputs, name=network.name)
    if not isinstance(network, keras.Function):
        return network
    operations = STOCK._replace(**{t: getattr(FAST, t) for t in tricks if t in FAST._fields})
    replaced, left_out = _folded(network, tricks, operations)
    kinds: list[Any] = [FastConvolution, FastReLU6]
    kinds += [FastBatchNormalization] * ("batch_normalization" in tricks)
    replaced |= {
        layer: kind(layer, operations)
        for layer in network.layers
        for kind in kinds
        if layer not in replaced and layer not in left_out and kind.matches(layer)
    }

    def call(layer, *args, **kwargs):
        if layer in left_out:
            return args[0]
        if layer in replaced:
            return replaced[layer](*args, **kwargs)
        if isinstance(layer, keras.Model):
            layer = accelerate(layer, tricks)
        return layer(*args, **kwargs)

    return keras.models.clone_model(network, clone_function=lambda layer: layer, call_function=call)


def _folded(network: keras.Model, tricks, operations: Operations) -> tuple[dict, set]:
    """Returns each normalization -> the folded layer, and the layers that it makes redundant."""
    replaced: dict = {}
    left_out: set = set()
    if "folding" not in tricks:
        return replaced, left_out
    for normalization in network.layers:
        convolution = _only_layer_before(normalization, network)
        if convolution is None or not FoldedConvolution.matches(convolution, normalization):
            continue
        padding = _padding_to_leave_out(convolution, network) if "padding" in tricks else None
        replaced[normalization] = FoldedConvolution(
            convolution, normalization, bool(padding), operations
        )
        left_out |= {convolution, padding}
    return replaced, left_out


def _padding_to_leave_out(convolution, network: keras.Model) -> keras.layers.Layer | None:
    """Returns the padding layer before a convolution, if padding SAME adds the same zeros."""
    before = _only_layer_before(convolution, network)
    if before is None or type(before) is not keras.layers.ZeroPadding2D:
        return None
    sides = before.input.shape[1:3]
    same = (
        (*convolution.kernel_size, *convolution.strides) == (3, 3, 2, 2)
        and convolution.padding == "valid"
        and before.padding == PADDED_BY_STRIDE_2
        and all(side and side % 2 == 0 for side in sides)
    )
    return before if same else None


def _only_layer_before(layer, network: keras.Model) -> keras.layers.Layer | None:
    """Returns the layer whose output is read by `layer` only, if `layer` is called once.

    Keras has no public API for this. test_network.py tests the three private attributes.
    """
    if len(layer._inbound_nodes) != 1 or len(layer._inbound_nodes[0].input_tensors) != 1:
        return None
    before = layer.input._keras_history.operation
    returned = any(output._keras_history.operation is before for output in network.outputs)
    return before if len(before._outbound_nodes) == 1 and not returned else None
