"""The formats that `petseg export` knows: how each is written, loaded again, and judged.

TensorFlow and the packages of the formats take long to import, so each is imported where it is
needed.
"""

import atexit
import functools
import importlib.util
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from petseg.core.files import atomic_file, atomic_folder
from petseg.prediction import runtimes


class Format(NamedTuple):
    """A format: its file, how it is written and loaded, and what is asked of it."""

    file: str
    write: Callable
    load: Callable[[Path], runtimes.Runtime]
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


def _write_onnx(model, path: Path) -> None:
    with atomic_file(path) as temporary:
        taken = _signature(model)
        model.export(temporary, format="onnx", verbose=False, input_signature=taken)


FORMATS = {
    "saved_model": Format("saved_model", _write_saved_model, runtimes.load_saved_model, 0.999),
    "tflite_float32": Format(
        "float32.tflite",
        functools.partial(_write_tflite, weights="float32"),
        runtimes.load_tflite,
        0.999,
    ),
    "tflite_float16": Format(
        "float16.tflite",
        functools.partial(_write_tflite, weights="float16"),
        runtimes.load_tflite,
        0.99,
    ),
    "tflite_int8": Format(
        "int8.tflite", functools.partial(_write_tflite, weights="int8"), runtimes.load_tflite, 0.9
    ),
    "onnx": Format(
        "model.onnx", _write_onnx, runtimes.load_onnx, 0.999, ("tf2onnx", "onnxruntime")
    ),
}


def missing_packages(kind: Format) -> list[str]:
    """The packages that a format needs and that are not installed."""
    return [name for name in kind.packages if importlib.util.find_spec(name) is None]
