"""Milliseconds of single operations on all cores, in float32 and in bfloat16.

Shapes are those of MobileNetV2 and of the decoder, for 16 photographs of 128x128 pixels. The
gradients of petseg.models, ours, stand below TensorFlow's. The last row is what a
large matrix product takes.
"""

import argparse
import time
from functools import partial

import petseg  # noqa: F401  isort: skip  (before TensorFlow, whose operations it chooses)

import tensorflow as tf

from petseg.models import activations, convolutions

PHOTOGRAPHS = 16
DEPTHWISE = ((64, 96, 2), (32, 144, 1), (16, 192, 1))
CONVOLUTIONS = (
    (128, 16, 96, 1),
    (64, 16, 96, 1),
    (32, 24, 144, 1),
    (64, 176, 32, 1),
    (64, 128, 32, 3),
    (64, 32, 12, 3),
)
TRANSPOSED = ((8, 320, 128), (16, 704, 64), (32, 256, 32))
OFFSETS = ((128, 96), (64, 144), (32, 192))
MATRIX = 2048


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    print("| operation | | float32, ms | bfloat16, ms |\n| --- | --- | ---: | ---: |")
    columns = rows(tf.float32), rows(tf.bfloat16)
    for (name, way, single), (_, _, half) in zip(*columns, strict=True):
        print(f"| {name} | {way} | {single:.1f} | {half:.1f} |", flush=True)


def rows(dtype):
    """(operation, forward or backward, milliseconds) of everything that is timed."""
    for side, channels, stride in DEPTHWISE:
        yield from _all_ways(
            f"depthwise 3x3, {side}x{side}x{channels}, stride {stride}",
            partial(tf.nn.depthwise_conv2d, strides=[1, stride, stride, 1], padding="SAME"),
            _random((PHOTOGRAPHS, side, side, channels), dtype),
            _random((3, 3, channels, 1), dtype),
            ours=partial(convolutions.depthwise_convolution, stride=stride, padding="SAME"),
        )
    for side, given, made, size in CONVOLUTIONS:
        yield from _all_ways(
            f"convolution {size}x{size}, {side}x{side}, {given} to {made}",
            partial(tf.nn.conv2d, strides=1, padding="SAME"),
            _random((PHOTOGRAPHS, side, side, given), dtype),
            _random((size, size, given, made), dtype),
            ours=partial(convolutions.convolution, stride=1, padding="SAME"),
        )
    for side, given, made in TRANSPOSED:
        shape = (PHOTOGRAPHS, 2 * side, 2 * side, made)
        yield from _all_ways(
            f"transposed convolution 3x3, {side}x{side}, {given} to {made}",
            partial(tf.nn.conv2d_transpose, output_shape=shape, strides=2),
            _random((PHOTOGRAPHS, side, side, given), dtype),
            _random((3, 3, made, given), dtype),
            ours=partial(convolutions.transposed_convolution, stride=2),
        )
    for side, channels in OFFSETS:
        shape = (PHOTOGRAPHS, side, side, channels)
        yield from _all_ways(
            f"offset, {side}x{side}x{channels}",
            tf.nn.bias_add,
            _random(shape, dtype),
            _random((channels,), dtype),
            ours=convolutions.add_offset,
        )
        for whose, relu6 in (("", tf.nn.relu6), (", ours", activations.relu6)):
            yield (
                f"ReLU6, {side}x{side}x{channels}",
                f"forward and gradient{whose}",
                _time(partial(_gradient, relu6, 0), _random(shape, dtype), _random(shape, dtype)),
            )
    pictures, matrix = _random((PHOTOGRAPHS, 64, 64, 96), dtype), _random((MATRIX, MATRIX), dtype)
    yield "scale, offset, ReLU6, 64x64x96", "forward", _time(_scaled_relu6, pictures)
    yield f"matrix product, {MATRIX}x{MATRIX}", "forward", _time(tf.matmul, matrix, matrix)


def _scaled_relu6(x):
    return tf.nn.relu6(x * 2 + 1)


def _all_ways(name: str, operation, pictures, weights, ours):
    """The rows of an operation, and of the gradients of `ours`, the same with other gradients."""
    upstream = _random(operation(pictures, weights).shape, pictures.dtype)

    yield name, "forward", _time(operation, pictures, weights)
    for index, what in enumerate(("inputs", "weights")):
        for whose, computed in (("", operation), (", ours", ours)):
            run = partial(_gradient, computed, index)
            way = f"gradient of the {what}{whose}"
            yield name, way, _time(run, upstream, pictures, weights)


def _gradient(operation, index, upstream, *inputs):
    """The gradient of one of the inputs."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = operation(*inputs)
    return tape.gradient(outputs, inputs[index], upstream)


def _time(function, *arguments, rounds: int = 9) -> float:
    """The shortest time of a call, in milliseconds."""
    run = tf.function(function, autograph=False)
    best = float("inf")
    for number in range(rounds + 2):  # the first ones build and warm
        start = time.perf_counter()
        run(*arguments)
        if number > 1:
            best = min(best, time.perf_counter() - start)
    return best * 1e3


def _random(shape, dtype):
    return tf.cast(tf.random.stateless_normal(shape, seed=(1, 2)), dtype)


if __name__ == "__main__":
    main()
