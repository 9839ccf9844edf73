"""The formats that `petseg export` knows: how each is written, loaded again, and judged.

TensorFlow and the packages of the formats take long to import, so each is imported where it is
needed.
"""

import atexit
import functools
import importlib.util
import os
import shutil
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from petseg.core.files import atomic_file, atomic_folder

Network = Callable[[np.ndarray], np.ndarray]
"""float32 images (N, H, W, 3) in [0, 255] -> float32 logits (N, H, W, C)."""


class Format(NamedTuple):
    """A format: its file, how it is written and loaded, and what is asked of it."""

    file: str
    write: Callable
    load: Callable[[Path], Network]
    least_agreement: float
    packages: tuple[str, ...] = ()


def _write_saved_model(model, path: Path, batch: int | None = None) -> None:
    with atomic_folder(path) as folder:
        taken = _signature(model, batch)
        model.export(folder, format="tf_saved_model", verbose=False, input_signature=taken)


def _signature(model, batch: int | None = None) -> list:
    """What an exported network takes, as Keras's export wants to be told it."""
    import keras

    return [keras.InputSpec(shape=(batch, *model.input_shape[1:]), dtype="float32", name="images")]


def _load_saved_model(path: Path) -> Network:
    import tensorflow as tf

    network = tf.saved_model.load(str(path))
    return lambda images: network.serve(tf.cast(images, tf.float32)).numpy()


@functools.lru_cache(maxsize=1)
def _for_one_image(model) -> Path:
    """A SavedModel for batches of one, which TFLite's three conversions share.

    With a batch of any size, some of its kernels are many times slower.
    """
    folder = tempfile.mkdtemp(prefix="petseg-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _write_saved_model(model, Path(folder) / "saved_model", batch=1)
    return Path(folder) / "saved_model"


def _write_tflite(model, path: Path, weights: str) -> None:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(_for_one_image(model)))
    if weights != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    with atomic_file(path) as temporary:
        temporary.write_bytes(converter.convert())


def _load_tflite(path: Path) -> Network:
    import tensorflow as tf

    with warnings.catch_warnings():
        warnings.filterwarnings(
            "ignore", message=r"\s*Warning: tf\.lite\.Interpreter is deprecated"
        )
        interpreter = tf.lite.Interpreter(str(path), num_threads=os.cpu_count())
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()

    def network(images: np.ndarray) -> np.ndarray:
        logits = []
        for image in images:
            interpreter.set_tensor(taken["index"], image[None].astype(np.float32))
            interpreter.invoke()
            logits.append(interpreter.get_tensor(given["index"]))
        return np.concatenate(logits)

    return network


def _write_onnx(model, path: Path) -> None:
    with atomic_file(path) as temporary:
        taken = _signature(model)
        model.export(temporary, format="onnx", verbose=False, input_signature=taken)


def _load_onnx(path: Path) -> Network:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    return lambda images: session.run(None, {taken.name: images.astype(np.float32)})[0]


FORMATS = {
    "saved_model": Format("saved_model", _write_saved_model, _load_saved_model, 0.999),
    "tflite_float32": Format(
        "float32.tflite", functools.partial(_write_tflite, weights="float32"), _load_tflite, 0.999
    ),
    "tflite_float16": Format(
        "float16.tflite", functools.partial(_write_tflite, weights="float16"), _load_tflite, 0.99
    ),
    "tflite_int8": Format(
        "int8.tflite", functools.partial(_write_tflite, weights="int8"), _load_tflite, 0.9
    ),
    "onnx": Format("model.onnx", _write_onnx, _load_onnx, 0.999, ("tf2onnx", "onnxruntime")),
}


def missing_packages(kind: Format) -> list[str]:
    """The packages that a format needs and that are not installed."""
    return [name for name in kind.packages if importlib.util.find_spec(name) is None]
