"""Milliseconds of single operations on one core, in float32 and in bfloat16.

Shapes are those of MobileNetV2 and of the decoder, for 16 photographs of 128x128 pixels. Beside
each stands what a large matrix product of the same precision does in a second.
"""

import argparse
import time
from functools import partial

import tensorflow as tf

PHOTOGRAPHS = 16
DEPTHWISE = ((64, 96, 2), (32, 144, 1), (16, 192, 1))
POINTWISE = ((128, 16, 96, 1), (64, 16, 96, 1), (32, 24, 144, 1))
CONVOLUTIONS = (*POINTWISE, (64, 128, 32, 3), (64, 32, 12, 3))
MATRIX = 2048


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(1)
    print("| operation | | float32, ms | bfloat16, ms |\n| --- | --- | ---: | ---: |")
    columns = [list(rows(dtype)) for dtype in (tf.float32, tf.bfloat16)]
    for (name, way, single), (_, _, half) in zip(*columns, strict=True):
        print(f"| {name} | {way} | {single:.1f} | {half:.1f} |")


def rows(dtype):
    """(operation, forward or backward, milliseconds) of everything that is timed."""
    for side, channels, stride in DEPTHWISE:
        name = f"depthwise 3x3, {side}x{side}x{channels}, stride {stride}"
        shapes = (side, side, channels), (3, 3, channels, 1)
        operation = partial(tf.nn.depthwise_conv2d, strides=[1, stride, stride, 1], padding="SAME")
        yield from _all_ways(name, operation, *shapes, dtype)
    for side, given, made, size in CONVOLUTIONS:
        name = f"convolution {size}x{size}, {side}x{side}, {given} to {made}"
        shapes = (side, side, given), (size, size, given, made)
        yield from _all_ways(name, partial(tf.nn.conv2d, strides=1, padding="SAME"), *shapes, dtype)
        if size == 1:
            places, to_places = (_random((PHOTOGRAPHS * side**2, c), dtype) for c in (given, made))
            product = partial(tf.matmul, transpose_a=True)
            yield name, "that, as matrix product", _time(product, places, to_places)
    pictures, matrix = _random((PHOTOGRAPHS, 64, 64, 96), dtype), _random((MATRIX, MATRIX), dtype)
    yield "scale, offset, ReLU6, 64x64x96", "forward", _time(_scaled_relu6, pictures)
    yield f"matrix product, {MATRIX}x{MATRIX}", "forward", _time(tf.matmul, matrix, matrix)


def _scaled_relu6(x):
    return tf.nn.relu6(x * 2 + 1)


def _all_ways(name: str, operation, photograph: tuple, kernel: tuple, dtype):
    pictures, kernel = _random((PHOTOGRAPHS, *photograph), dtype), _random(kernel, dtype)
    upstream = _random(operation(pictures, kernel).shape, dtype)

    def gradient(index, pictures, kernel, upstream):
        with tf.GradientTape() as tape:
            tape.watch((pictures, kernel))
            outputs = operation(pictures, kernel)
        return tape.gradient(outputs, (pictures, kernel)[index], upstream)

    yield name, "forward", _time(operation, pictures, kernel)
    for index, what in enumerate(("inputs", "kernel")):
        run = partial(gradient, index)
        yield name, f"gradient of the {what}", _time(run, pictures, kernel, upstream)


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
