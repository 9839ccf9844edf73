"""Time of a training step by operation, and the machine's limits.

Trains the U-Net of params.yaml under TensorFlow's profiler and prints each kind of operation's
share of the total operation time. Then prints the floor: the multiply-adds of a step over the rate
of a large matrix product in the same precision, and the bytes of its activations over the memory
bandwidth, both measured here; and the training rate without the profiler.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks import measure, pets, training

if TYPE_CHECKING:
    import keras

MATRIX = 4096
COPIED = 1 << 28
"""Bytes: more than any cache has."""
PASSES = 3
"""Passes over a trained layer's arithmetic: forward, and gradients of inputs and weights."""
TOUCHES = 5
"""Accesses to an activation: written; read by the next layer; read twice, written once backward."""
ROWS = 14


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    training.add_fine_tune_from(parser)
    measure.add_images_option(parser)
    options = parser.parse_args()
    from petseg.models import unet
    from petseg.training import precision

    params = training.changed(fine_tune_from=options.fine_tune_from)
    policy, reason = precision.resolve(params.precision)
    rate = training.images_per_second(params, options.images)
    print(f"{policy} ({reason}), {rate:.1f} images a second in training\n")
    print_shares(profiled(lambda: training.images_per_second(params, options.images)))

    dtype = "bfloat16" if policy == "mixed_bfloat16" else "float32"
    operations = size = 0
    network = unet.build(pets.SIZE, pets.CLASSES, params, pets.encoder_weights())
    for layer, trained in layers(network):
        operations += 2 * multiply_adds(layer) * (PASSES if trained else 1)
        size += activation_bytes(layer, dtype) * (TOUCHES if trained else 2)
    products, bandwidth = matrix_product_rate(dtype), copy_bandwidth()
    print("| floor of an image | amount | measured here | images a second | ours |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, amount, unit, capacity in (
        (f"arithmetic, {dtype}", operations, "GFLOP", products),
        ("memory", size, "GB", bandwidth),
    ):
        most = capacity / amount
        figures = f"{amount / 1e9:.3g} {unit} | {capacity / 1e9:.0f} {unit}/s | {most:.0f}"
        print(f"| {name} | {figures} | {rate / most:.0%} of it |")


def profiled(run) -> Counter:
    """Returns the milliseconds of each kind of operation while `run` runs."""
    import tensorflow as tf
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            run()
        (path,) = Path(folder).rglob("*.xplane.pb")
        space = xplane_pb2.XSpace()
        space.ParseFromString(path.read_bytes())
    spent: Counter = Counter()
    events = (
        (plane.event_metadata[event.metadata_id].name, event.duration_ps)
        for plane in space.planes
        for line in plane.lines
        for event in line.events
    )
    for name, picoseconds in events:
        operation, _, kind = name.rpartition(":")  # such as encoder/Conv1:_MklNativeConv2D
        if operation and not operation.endswith(":") and kind.isidentifier():
            spent[kind.removeprefix("_MklNative").removeprefix("_Mkl")] += picoseconds / 1e9
    return spent


def print_shares(spent: Counter) -> None:
    total = sum(spent.values())
    print("| operation | share |\n| --- | ---: |")
    for kind, milliseconds in spent.most_common(ROWS):
        print(f"| {kind} | {milliseconds / total:.1%} |")
    rest = total - sum(milliseconds for _, milliseconds in spent.most_common(ROWS))
    print(f"| all others | {rest / total:.1%} |\n")


def layers(network: keras.Model):
    """Yields each layer, also of inner models, and whether it or an earlier one trains."""
    trained = False
    for layer in _flat(network):
        trained = trained or bool(layer.trainable_weights)
        yield layer, trained


def _flat(model: keras.Model):
    import keras

    for layer in model.layers:
        yield from _flat(layer) if isinstance(layer, keras.Model) else (layer,)


def multiply_adds(layer: keras.layers.Layer) -> int:
    """Returns the multiply-adds of a convolution for one image, forward; 0 for other layers."""
    import keras

    kinds = (keras.layers.Conv2D, keras.layers.Conv2DTranspose, keras.layers.DepthwiseConv2D)
    if not isinstance(layer, kinds):
        return 0
    pixels = layer.input if isinstance(layer, keras.layers.Conv2DTranspose) else layer.output
    return int(np.prod(pixels.shape[1:3])) * int(np.prod(layer.kernel.shape))


def activation_bytes(layer: keras.layers.Layer, dtype: str) -> int:
    """Returns the size of a layer's output for one image; 0 if folding removes the layer."""
    import keras

    folded = isinstance(layer, keras.layers.BatchNormalization) and not layer.trainable
    if folded or isinstance(layer, (keras.layers.InputLayer, keras.layers.ZeroPadding2D)):
        return 0
    return int(np.prod(layer.output.shape[1:])) * (2 if dtype == "bfloat16" else 4)


def matrix_product_rate(dtype: str) -> float:
    """Returns operations per second; a multiply-add counts as two."""
    import tensorflow as tf

    matrix = tf.cast(tf.random.stateless_normal((MATRIX, MATRIX), seed=(1, 2)), dtype)
    product = tf.function(lambda: tf.matmul(matrix, matrix))
    return 2 * MATRIX**3 / shortest(lambda: product()[0, 0].numpy())


def copy_bandwidth() -> float:
    """Returns bytes per second, read and written, by all cores together."""
    source, target = (np.ones(COPIED // 8) for _ in range(2))
    parts = [np.array_split(array, os.cpu_count()) for array in (target, source)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return 2 * COPIED / shortest(lambda: list(pool.map(np.copyto, *parts)))


def shortest(function, rounds: int = 5) -> float:
    """Returns the seconds of the fastest call."""
    seconds = []
    for _ in range(rounds + 1):  # the first one builds and warms up
        start = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - start)
    return min(seconds[1:])


if __name__ == "__main__":
    main()
