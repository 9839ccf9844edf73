"""Loads networks from files; imports each format's library only when needed.

TFLite (`.tflite`) needs ai-edge-litert, ONNX (`.onnx`) onnxruntime, a SavedModel (a folder) and
Keras (other files) tensorflow.
"""

import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np

from petseg.core.dataset_spec import SPEC_FILE, DatasetSpec
from petseg.core.errors import PetsegError, first_line
from petseg.core.quiet import without_native_messages

Run = Callable[[np.ndarray], np.ndarray]
"""Images (N, H, W, 3) in [0, 255] -> float32 logits (N, H, W, C). Thread-safe."""


class Runtime(NamedTuple):
    """A network's function, and input and output shapes, None for any length.

    `spec_text` is the dataset's spec in JSON, if only the runtime can read it.
    """

    run: Run
    taken: tuple[int | None, ...]
    given: tuple[int | None, ...]
    spec_text: str | None = None


IMAGES, LOGITS, LABELS = "images", "logits", "labels"
"""An exported network's input and outputs; only LOGITS is used."""


def load(path: Path, spec: DatasetSpec) -> tuple[Run, tuple[int, int]]:
    """Returns a network of `spec`'s classes, and its input's height and width in pixels.

    Raises PetsegError if the file is no network of its format, needs another package, or does not
    map RGB images of one size to logits (in Keras, also a softmax) of the classes.
    """
    found = read(path, spec)
    size: Any = found.taken[1:3]
    classes = len(spec.classes)
    if len(found.taken) != 4 or found.taken[3] != 3 or found.given[1:] != (*size, classes):
        raise PetsegError(
            f"{path} takes {found.taken} and gives {found.given}; expected a network that takes "
            f"RGB images, (N, H, W, 3), and gives logits of {classes} classes, "
            f"(N, H, W, {classes}): {', '.join(spec.class_names)}"
        )
    if None in size:
        raise PetsegError(f"{path} does not say how large its images are")
    return found.run, size


def with_mirror(run: Run) -> Run:
    """Makes `run` average the logits of images and mirror images."""

    def run_twice(images: np.ndarray) -> np.ndarray:
        return (run(images) + run(images[:, :, ::-1])[:, :, ::-1]) / 2

    return run_twice


def load_tflite(path: Path, spec: DatasetSpec | None = None) -> Runtime:
    """Loads a network that runs one image at a time; use threads for more cores."""
    litert = _needed("ai_edge_litert.interpreter", "ai-edge-litert", path)
    of_thread = threading.local()  # an interpreter is not thread-safe

    def interpreter():
        if not hasattr(of_thread, "interpreter"):
            of_thread.interpreter = litert.Interpreter(str(path), num_threads=1)
            of_thread.interpreter.allocate_tensors()
        return of_thread.interpreter

    def run(images: np.ndarray) -> np.ndarray:
        network, logits = interpreter(), []
        for image in images:
            network.set_tensor(taken["index"], _quantized(image[None], taken))
            network.invoke()
            logits.append(_dequantized(network.get_tensor(given["index"]), given))
        return np.concatenate(logits)

    try:
        with without_native_messages():  # LiteRT prints which kernels it uses
            first = interpreter()
        (taken,), outputs = first.get_input_details(), first.get_output_details()
        given = max(outputs, key=lambda output: len(output["shape"]))  # logits, not labels
    except (RuntimeError, ValueError) as error:
        raise _damaged(path, "TFLite", error) from None
    shapes = [tuple(map(int, side["shape"])) for side in (taken, given)]
    return Runtime(run, shapes[0], shapes[1])


def _quantized(values: np.ndarray, details: dict) -> np.ndarray:
    """Quantizes values for a TFLite tensor: value / scale + zero point.

    https://ai.google.dev/edge/litert/models/quantization_spec
    """
    scale, zero_point = details["quantization"]
    if not scale:
        return values.astype(details["dtype"])
    limits = np.iinfo(details["dtype"])
    rounded = np.rint(values / np.float32(scale)) + zero_point
    return np.clip(rounded, limits.min, limits.max).astype(details["dtype"])


def _dequantized(values: np.ndarray, details: dict) -> np.ndarray:
    scale, zero_point = details["quantization"]
    if not scale:
        return values
    return (values.astype(np.float32) - zero_point) * np.float32(scale)


def load_onnx(path: Path, spec: DatasetSpec | None = None) -> Runtime:
    onnxruntime = _needed("onnxruntime", "onnxruntime", path)
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime has its own types
        raise _damaged(path, "ONNX", error) from None
    (taken,), outputs = session.get_inputs(), session.get_outputs()
    given = next((output for output in outputs if output.name == LOGITS), outputs[0])
    shapes = [
        tuple(side if isinstance(side, int) else None for side in one.shape)
        for one in (taken, given)
    ]
    return Runtime(
        lambda images: session.run([given.name], {taken.name: images.astype(np.float32)})[0],
        shapes[0],
        shapes[1],
        session.get_modelmeta().custom_metadata_map.get(SPEC_FILE),
    )


def load_saved_model(path: Path, spec: DatasetSpec | None = None) -> Runtime:
    tf = _needed("tensorflow", "tensorflow", path)
    try:
        network = tf.saved_model.load(str(path))
        signature = network.signatures["serve"]
    except Exception as error:  # of many types
        raise _damaged(path, "SavedModel", error) from None
    ((_, taken),) = signature.structured_input_signature[1].items()
    outputs = signature.structured_outputs
    name = LOGITS if LOGITS in outputs else next(iter(outputs))
    return Runtime(
        lambda images: signature(tf.cast(images, tf.float32))[name].numpy(),
        tuple(taken.shape),
        tuple(outputs[name].shape),
    )


def load_keras(path: Path, spec: DatasetSpec | None = None) -> Runtime:
    _needed("tensorflow", "tensorflow", path)
    from petseg.evaluation import inference

    model = inference.load_network(path, spec).model
    return Runtime(inference.runner(model), tuple(model.input_shape), tuple(model.output_shape))


_LOADERS = {".tflite": load_tflite, ".onnx": load_onnx}


def read(path: Path, spec: DatasetSpec | None = None) -> Runtime:
    """Loads a network of any shape; raises PetsegError as `load` does."""
    other = load_saved_model if path.is_dir() else load_keras
    return _LOADERS.get(path.suffix, other)(path, spec)


def _needed(module: str, package: str, path: Path) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise PetsegError(f"{path} needs another package: pip install {package}") from None


def _damaged(path: Path, kind: str, error: Exception) -> PetsegError:
    return PetsegError(f"{path} cannot be loaded as {kind}: {first_line(error)}")
