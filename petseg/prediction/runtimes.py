"""Networks in files, each run by the library of its format, which is imported when it is needed.

| format | file | run by |
| --- | --- | --- |
| TFLite | `.tflite` | ai-edge-litert |
| ONNX | `.onnx` | onnxruntime |
| SavedModel | a folder | tensorflow |
| Keras | any other | tensorflow |
"""

import importlib
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from petseg.core.dataset_spec import DatasetSpec
from petseg.core.errors import PetsegError
from petseg.core.quiet import without_native_messages

Run = Callable[[np.ndarray], np.ndarray]
"""Images (N, H, W, 3) in [0, 255] -> float32 logits (N, H, W, C); from any thread."""


class Runtime(NamedTuple):
    """A network as a function, and the shapes of what it takes and gives, None for any length."""

    run: Run
    taken: tuple[int | None, ...]
    given: tuple[int | None, ...]


def load(path: Path, spec: DatasetSpec) -> tuple[Run, tuple[int, int]]:
    """A network of the classes of `spec`, and the height and width of what it sees, in pixels.

    PetsegError where the file is no network of its format, where its package is not installed, and
    where it takes anything else than RGB images of one size or gives anything else than logits (or,
    as a Keras model, a softmax) of the classes.
    """
    found = read(path, spec)
    size, classes = found.taken[1:3], len(spec.classes)
    if len(found.taken) != 4 or found.taken[3] != 3 or found.given[1:] != (*size, classes):
        raise PetsegError(
            f"{path} takes {found.taken} and gives {found.given}; expected was a network that "
            f"takes RGB images, (N, H, W, 3), and gives as many pixels of {classes} classes, "
            f"(N, H, W, {classes}): {', '.join(spec.class_names)}"
        )
    if None in size:
        raise PetsegError(f"{path} does not say how large its images are")
    return found.run, size


def with_mirror(run: Run) -> Run:
    """The mean of the logits of each image and of its mirror image, mirrored back."""

    def run_twice(images: np.ndarray) -> np.ndarray:
        return (run(images) + run(images[:, :, ::-1])[:, :, ::-1]) / 2

    return run_twice


def load_tflite(path: Path, spec: DatasetSpec | None = None) -> Runtime:
    """One image at a time, on one core: several threads use several cores."""
    litert = _needed("ai_edge_litert.interpreter", "ai-edge-litert", path)
    of_thread = threading.local()  # an interpreter is for one thread

    def interpreter():
        if not hasattr(of_thread, "interpreter"):
            of_thread.interpreter = litert.Interpreter(str(path), num_threads=1)
            of_thread.interpreter.allocate_tensors()
        return of_thread.interpreter

    def run(images: np.ndarray) -> np.ndarray:
        network, logits = interpreter(), []
        for image in images:
            network.set_tensor(taken["index"], image[None].astype(np.float32))
            network.invoke()
            logits.append(network.get_tensor(given["index"]))
        return np.concatenate(logits)

    try:
        with without_native_messages():  # it says which kernels it takes
            first = interpreter()
        (taken,), (given,) = first.get_input_details(), first.get_output_details()
    except (RuntimeError, ValueError) as error:
        raise _damaged(path, "TFLite", error) from None
    return Runtime(run, *(tuple(map(int, side["shape"])) for side in (taken, given)))


def load_onnx(path: Path, spec: DatasetSpec | None = None) -> Runtime:
    onnxruntime = _needed("onnxruntime", "onnxruntime", path)
    try:
        session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    except Exception as error:  # of its own kinds
        raise _damaged(path, "ONNX", error) from None
    (taken,), (given,) = session.get_inputs(), session.get_outputs()
    shapes = (
        tuple(side if isinstance(side, int) else None for side in one.shape)
        for one in (taken, given)
    )
    return Runtime(
        lambda images: session.run(None, {taken.name: images.astype(np.float32)})[0], *shapes
    )


def load_saved_model(path: Path, spec: DatasetSpec | None = None) -> Runtime:
    tf = _needed("tensorflow", "tensorflow", path)
    try:
        network = tf.saved_model.load(str(path))
        signature = network.signatures["serve"]
    except Exception as error:  # of many kinds
        raise _damaged(path, "SavedModel", error) from None
    ((_, taken),) = signature.structured_input_signature[1].items()
    ((_, given),) = signature.structured_outputs.items()
    return Runtime(
        lambda images: network.serve(tf.cast(images, tf.float32)).numpy(),
        *(tuple(one.shape) for one in (taken, given)),
    )


def load_keras(path: Path, spec: DatasetSpec | None = None) -> Runtime:
    _needed("tensorflow", "tensorflow", path)
    from petseg.evaluation import inference

    model = inference.load_network(path, spec).model
    return Runtime(inference.runner(model), tuple(model.input_shape), tuple(model.output_shape))


_LOADERS = {".tflite": load_tflite, ".onnx": load_onnx}


def read(path: Path, spec: DatasetSpec | None = None) -> Runtime:
    """A network by the format of its file, of whatever shape; PetsegError as for `load`."""
    other = load_saved_model if path.is_dir() else load_keras
    return _LOADERS.get(path.suffix, other)(path, spec)


def needs_tensorflow(path: Path) -> bool:
    """Whether a network's format is run by TensorFlow, which takes seconds to be imported."""
    return path.suffix not in _LOADERS


def _needed(module: str, package: str, path: Path) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ImportError:
        raise PetsegError(f"{path} needs another package: pip install {package}") from None


def _damaged(path: Path, kind: str, error: Exception) -> PetsegError:
    reason = next(iter(str(error).strip().splitlines()), type(error).__name__)
    return PetsegError(f"{path} cannot be loaded as {kind}: {reason}")
