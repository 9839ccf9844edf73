"""Milliseconds of the operations in petseg.acceleration, and of their gradients, on all cores.

Each is timed with TensorFlow's gradient and with the faster one, in float32 and bfloat16. Shapes
are those of MobileNetV2 and the decoder, for 16 images of 128x128 pixels. The last row is a large
matrix product. `python -m benchmarks.tricks` measures the effect on a training step.
"""

import argparse
import time
from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

IMAGES = 16
MATRIX = 2048
DTYPES = ("float32", "bfloat16")


class Case(NamedTuple):
    """An operation of `petseg.acceleration.operations.Operations`, and the shapes of its inputs."""

    operation: str
    title: str
    shapes: tuple
    options: dict


def cases() -> Iterator[Case]:
    for side, channels, stride in ((64, 96, 2), (32, 144, 1), (16, 192, 1)):
        shapes = (IMAGES, side, side, channels), (3, 3, channels, 1)
        title = f"depthwise 3x3, {side}x{side}x{channels}, stride {stride}"
        yield Case("depthwise_conv2d", title, shapes, {"stride": stride, "padding": "SAME"})
    for side, given, made in ((128, 16, 96), (64, 16, 96), (32, 24, 144), (64, 176, 32)):
        shapes = (IMAGES, side, side, given), (1, 1, given, made)
        title = f"convolution 1x1, {side}x{side}, {given} to {made}"
        yield Case("conv2d", title, shapes, {"stride": 1, "padding": "SAME"})
    for side, channels in ((128, 96), (64, 144), (32, 192)):
        inputs = (IMAGES, side, side, channels)
        yield Case("bias_add", f"bias, {side}x{side}x{channels}", (inputs, (channels,)), {})
        yield Case("relu6", f"ReLU6, {side}x{side}x{channels}", (inputs,), {})


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, metavar="N", help="default: %(default)s")
    rounds = parser.parse_args().rounds
    print("| operation | | float32, ms: stock | fast | bfloat16, ms: stock | fast |")
    print("| --- | --- | ---: | ---: | ---: | ---: |")
    for case in cases():
        columns = [column for dtype in DTYPES for column in milliseconds(case, dtype, rounds)]
        for way in columns[0]:
            cells = " | ".join(f"{column[way]:.1f}" for column in columns)
            print(f"| {case.title} | {way} | {cells} |", flush=True)
    cells = " | | ".join(f"{matrix_product(dtype, rounds):.1f}" for dtype in DTYPES)
    print(f"| matrix product, {MATRIX}x{MATRIX} | forward | {cells} | |")


def milliseconds(case: Case, dtype: str, rounds: int) -> tuple[dict, dict]:
    """Times the stock and the fast operation: forward, and the gradient of each input."""
    from petseg.acceleration.operations import FAST, STOCK

    inputs = [_random(shape, dtype) for shape in case.shapes]
    computed = [partial(getattr(kind, case.operation), **case.options) for kind in (STOCK, FAST)]
    upstream = _random(computed[0](*inputs).shape, dtype)
    found = _shortest(computed, inputs, rounds)
    rows = {"forward": found}
    for index, what in zip(range(len(inputs)), ("inputs", "weights"), strict=False):
        gradients = [partial(_gradient, operation, index) for operation in computed]
        rows[f"gradient of the {what}"] = _shortest(gradients, [upstream, *inputs], rounds)
    stock, fast = ({way: times[i] for way, times in rows.items()} for i in range(2))
    return stock, fast


def matrix_product(dtype: str, rounds: int) -> float:
    """Returns the milliseconds of a large matrix product."""
    import tensorflow as tf

    matrix = _random((MATRIX, MATRIX), dtype)
    return _shortest([tf.matmul], [matrix, matrix], rounds)[0]


def _gradient(operation, index: int, upstream, *inputs):
    """Returns the gradient of one input; includes the forward computation."""
    import tensorflow as tf

    with tf.GradientTape() as tape:
        tape.watch(inputs)
        outputs = operation(*inputs)
    return tape.gradient(outputs, inputs[index], upstream)


def _shortest(functions: list, arguments: list, rounds: int) -> list[float]:
    """Returns the shortest time of each function in milliseconds; the functions run in turn."""
    import tensorflow as tf

    graphs = [tf.function(function, autograph=False) for function in functions]
    times: list[list[float]] = [[] for _ in graphs]
    for _ in range(rounds + 2):  # the first ones build and warm up
        for graph, taken in zip(graphs, times, strict=True):
            start = time.perf_counter()
            graph(*arguments)
            taken.append(1000 * (time.perf_counter() - start))
    return [min(taken[2:]) for taken in times]


def _random(shape, dtype: str):
    import tensorflow as tf

    return tf.cast(tf.random.stateless_normal(shape, seed=(1, 2)), dtype)


if __name__ == "__main__":
    main()
