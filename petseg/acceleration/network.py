"""A network rewritten to take less time: the same function, forward and backward.

Models are written in stock Keras layers and know nothing of this. `accelerate` puts faster layers
in their places; which ones, and what each is worth, is in benchmarks/README.md.
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
"""What `accelerate` does, by the names that benchmarks switch it on and off by: fold batch
normalization into convolutions, leave out layers of zeros, fuse batch normalization, and take
gradients of our own of these operations."""

PADDED_BY_STRIDE_2 = ((0, 1), (0, 1))
"""The zeros that padding SAME puts around an even side before a 3x3 convolution with stride 2."""


def accelerate(network: keras.Model, tricks: Collection[str] = TRICKS) -> keras.Model:
    """The same function of the same variables by faster operations.

    Works on functional and built sequential models and on those inside them; models and layers of
    other classes stay as they are. The result shares its variables with `network`, but may list
    them in another order, where branches lose layers. Save `network`, whose file loads without this
    package. `tricks` are some of TRICKS.
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
    """Each normalization -> what replaces it and the convolution before it; what is left out."""
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
    """The layer of zeros before a convolution that would add the same zeros with padding SAME."""
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
    """The layer whose output goes to `layer`, which is called once, and to nothing else.

    Keras has no public way from a layer to the one before it; test_network.py tests these three
    private attributes.
    """
    if len(layer._inbound_nodes) != 1 or len(layer._inbound_nodes[0].input_tensors) != 1:
        return None
    before = layer.input._keras_history.operation
    returned = any(output._keras_history.operation is before for output in network.outputs)
    return before if len(before._outbound_nodes) == 1 and not returned else None
