"""The formats of `petseg export`: how each is written, loaded and checked.

Functions import TensorFlow and other packages, which are slow to import, where they need them.
"""

import atexit
import functools
import importlib.util
import json
import shutil
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from petseg.core.dataset_spec import ASSETS, SPEC_FILE, DatasetSpec
from petseg.core.files import atomic_file, atomic_folder
from petseg.prediction import runtimes

OPSET = 18
"""The ONNX opset; ONNX Runtime supports it since 1.14."""

NETWORK_FILE = "network.json"
"""Signature and classes, inside each exported file."""

LABELS_FILE = "labels.txt"
"""Class names, one per line, for TFLite's tools."""


class Source(NamedTuple):
    """A Keras model to export, and its dataset.

    `calibration`, images uint8 (N, H, W, 3), is to quantize activations; `opset` is for ONNX.
    """

    model: Any
    spec: DatasetSpec
    calibration: np.ndarray | None = None
    opset: int = OPSET


class Format(NamedTuple):
    """A format: `least_agreement` is the required share of labels equal to Keras."""

    file: str
    write: Callable[[Source, Path], None]
    load: Callable[[Path], runtimes.Runtime]
    least_agreement: float
    packages: tuple[str, ...] = ()


def description(source: Source, batch: int | None, quantized: bool = False) -> dict:
    """Returns signature and classes for JSON."""
    *size, _ = source.model.input_shape[1:]
    count, kind = batch or "N", "uint8" if quantized else "float32"
    return {
        "input": {
            "name": runtimes.IMAGES,
            "dtype": kind,
            "shape": [count, *size, 3],
            "layout": "NHWC",
            "channels": "RGB",
            "range": [0, 255],
        },
        "outputs": {
            runtimes.LOGITS: {
                "dtype": "int8" if quantized else "float32",
                "shape": [count, *size, len(source.spec.classes)],
                "meaning": "a softmax over the last axis gives the probability of each class",
            },
            runtimes.LABELS: {
                "dtype": "uint8",
                "shape": [count, *size],
                "meaning": "the index, in classes, of the most probable class",
            },
        },
        "classes": list(source.spec.class_names),
    }


def _write_saved_model(source: Source, path: Path) -> None:
    with atomic_folder(path) as folder:
        _save(source.model, folder)
        (folder / ASSETS).mkdir()
        for name, text in _texts(source, description(source, None)).items():
            (folder / ASSETS / name).write_text(text, encoding="utf-8")


def _save(model, folder: Path, batch: int | None = None) -> None:
    from keras.export import ExportArchive

    from petseg.app.export_graph import exported_function

    network, run = exported_function(model, batch)
    archive = ExportArchive()
    archive.track(network)
    archive.add_endpoint("serve", run)  # also the signature serving_default
    archive.write_out(folder, verbose=False)


@functools.lru_cache(maxsize=1)
def _for_one_image(model) -> Path:
    """Returns a SavedModel: any batch size makes some TFLite kernels many times slower."""
    folder = Path(tempfile.mkdtemp(prefix="petseg-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _save(model, folder / "saved_model", batch=1)
    return folder / "saved_model"


def _write_tflite(source: Source, path: Path, weights: str) -> None:
    import tensorflow as tf

    quantized = weights == "int8"
    converter = tf.lite.TFLiteConverter.from_saved_model(str(_for_one_image(source.model)))
    if weights != "float32":
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if weights == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if quantized:
        converter.representative_dataset = lambda: _calibration(source)
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        converter.inference_input_type = tf.uint8
        converter.inference_output_type = tf.int8
    texts = _texts(source, description(source, 1, quantized))
    with atomic_file(path) as temporary:
        temporary.write_bytes(converter.convert())
        with zipfile.ZipFile(temporary, "a") as archive:  # the format's "associated files"
            for name, text in texts.items():
                archive.writestr(zipfile.ZipInfo(name), text)


def _calibration(source: Source):
    """Yields images, with values 0 and 255, to find activations' ranges."""
    calibration: Any = source.calibration
    for index, image in enumerate(calibration.astype(np.float32)):
        if index == 0:
            image[0, 0], image[-1, -1] = 0, 255  # so that quantized values equal pixel values
        yield {runtimes.IMAGES: image[None]}


def _write_onnx(source: Source, path: Path) -> None:
    import onnx
    import tf2onnx

    from petseg.app.export_graph import exported_function

    _, run = exported_function(source.model, None)
    model, _ = tf2onnx.convert.from_function(run, run.input_signature, opset=source.opset)
    onnx.helper.set_model_props(model, _texts(source, description(source, None)))
    model.doc_string = "A network by petseg; metadata_props describe the input and the outputs"
    with atomic_file(path) as temporary:
        temporary.write_bytes(model.SerializeToString())


def _texts(source: Source, about: dict) -> dict[str, str]:
    """Returns metadata by name."""
    return {
        LABELS_FILE: "".join(f"{name}\n" for name in source.spec.class_names),
        SPEC_FILE: json.dumps(source.spec.to_json(), indent=2),
        NETWORK_FILE: json.dumps(about, indent=2),
    }


def _tflite(weights: str, least_agreement: float) -> Format:
    write = functools.partial(_write_tflite, weights=weights)
    return Format(f"{weights}.tflite", write, runtimes.load_tflite, least_agreement)


FORMATS = {
    "saved_model": Format("saved_model", _write_saved_model, runtimes.load_saved_model, 0.999),
    "tflite_float32": _tflite("float32", 0.999),
    "tflite_float16": _tflite("float16", 0.99),
    "tflite_dynamic_range": _tflite("dynamic_range", 0.9),
    "tflite_int8": _tflite("int8", 0.9),
    "onnx": Format(
        "model.onnx", _write_onnx, runtimes.load_onnx, 0.999, ("tf2onnx", "onnxruntime")
    ),
}


def missing_packages(kind: Format) -> list[str]:
    """Returns a format's packages that are not installed."""
    return [name for name in kind.packages if importlib.util.find_spec(name) is None]
