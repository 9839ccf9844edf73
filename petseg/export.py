"""Exports a network to other formats, and checks each by loading it again.

    petseg export
    petseg export --model models/shallow.keras --formats tflite_int8 onnx

Writes into the folder OUT

    saved_model/             for TensorFlow and TensorFlow Serving, any number of photographs
    float32.tflite           for LiteRT (TensorFlow Lite), one photograph at a time
    float16.tflite           the same with weights of half the size
    int8.tflite              the same with weights of 8 bits (dynamic range)
    model.onnx               for ONNX Runtime; needs the packages tf2onnx and onnxruntime
    report.json              the table that is printed, and what goes in and comes out

Each takes photographs as float32 (N, S, S, 3), RGB in [0, 255], and gives float32 logits
(N, S, S, 3) of pet, background and border. The table tells, on test photographs, in which share
of the pixels the labels are those of the Keras model, the largest difference of a logit, the
scores, and the time for a photograph relative to Keras on this machine. A format that fails, or
differs too much, is reported, the others go on, and the exit code is 1.
"""

import argparse
import atexit
import functools
import importlib.util
import itertools
import os
import shutil
import statistics
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from petseg import commands, paths
from petseg.classes import CLASS_NAMES
from petseg.errors import PetsegError
from petseg.files import atomic_file, atomic_folder, write_json

Network = Callable[[np.ndarray], np.ndarray]
"""float32 photographs (N, S, S, 3) in [0, 255] -> float32 logits (N, S, S, 3)."""

REPORT = "report.json"


class Format(NamedTuple):
    """A format: its file, how it is written and loaded, and what is asked of it."""

    file: str
    write: Callable
    load: Callable[[Path], Network]
    least_agreement: float
    packages: tuple[str, ...] = ()


class Photographs(NamedTuple):
    """What networks are compared on: images uint8 (N, S, S, 3), masks uint8 (N, S, S)."""

    images: np.ndarray
    masks: np.ndarray
    source: str


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, _parser(), arguments)


def _main(options: argparse.Namespace) -> int:
    out = options.out or Path("exported") / options.model.stem
    for name in options.formats or FORMATS:
        _refuse_foreign(out / FORMATS[name].file)
    model = commands.load_model(options.model)
    from petseg import segmentation

    size = segmentation.image_size(model)
    photographs = some_photographs(options.photographs, size)
    reference = measure(segmentation.runner(model), photographs)
    rows = {"keras": _row(reference, reference, photographs) | {"bytes": _bytes(options.model)}}
    for name in options.formats or FORMATS:
        rows[name] = _export(model, FORMATS[name], out, reference, photographs)
    report = {
        "model": commands.text(options.model),
        "input": f"float32 (N, {size}, {size}, 3), RGB in [0, 255]; N = 1 for TFLite",
        "output": f"float32 (N, {size}, {size}, 3), logits of {', '.join(CLASS_NAMES)}",
        "photographs": len(photographs.images),
        "source": photographs.source,
        "formats": rows,
    }
    write_json(out / REPORT, report)
    print(_table(report))
    print(f"\nwritten to {commands.shown(out)}")
    asked_for = options.formats or [name for name in FORMATS if not _missing(FORMATS[name])]
    return 1 if any("reason" in rows[name] for name in asked_for) else 0


def some_photographs(count: int, size: int) -> Photographs:
    """The first photographs of the test split where its records have that size, or drawn ones."""
    from petseg.data import drawing, records

    try:
        if records.manifest(paths.RECORDS)["image_size"] == size:
            examples = list(itertools.islice(records.read(paths.RECORDS, "test"), count))
            images, masks, *_ = zip(*examples, strict=True)
            return Photographs(np.stack(images), np.stack(masks), "the test split")
    except PetsegError:
        pass
    drawn = [
        drawing.draw_pet(
            np.random.default_rng([0, index]),
            drawing.BREEDS[index % len(drawing.BREEDS)],
            size,
            size,
        )
        for index in range(count)
    ]
    images, trimaps = zip(*drawn, strict=True)
    return Photographs(np.stack(images), np.stack(trimaps) - 1, "generated pets")


class Measured(NamedTuple):
    """A network's logits of each photograph, and the median time for one, in seconds."""

    logits: np.ndarray
    seconds: float


def measure(network: Network, photographs: Photographs) -> Measured:
    """Runs a network on one photograph after the other."""
    network(photographs.images[:1])  # the first call also prepares what the others use
    logits, seconds = [], []
    for index in range(len(photographs.images)):
        start = time.perf_counter()
        logits.append(network(photographs.images[index : index + 1]))
        seconds.append(time.perf_counter() - start)
    return Measured(np.concatenate(logits), statistics.median(seconds))


def _export(model, kind: Format, out: Path, reference: Measured, photographs: Photographs) -> dict:
    """A row of the report: how the exported network compares, or the reason why there is none."""
    if missing := _missing(kind):
        return {"reason": f"needs {' and '.join(missing)}: pip install {' '.join(missing)}"}
    path = out / kind.file
    try:
        kind.write(model, path)
        found = measure(kind.load(path), photographs)
    except Exception as error:  # converters and runtimes raise what they like
        lines = str(error).strip().splitlines() or [""]
        return {"reason": f"{type(error).__name__}: {lines[0]}"}
    if not np.isfinite(found.logits).all():
        return {"file": kind.file, "reason": "its logits are not finite"}
    row = {"file": kind.file, "bytes": _bytes(path)} | _row(found, reference, photographs)
    if row["agreement"] < kind.least_agreement:
        row["reason"] = f"less than {kind.least_agreement:.1%} of the labels are those of Keras"
    return row


def _row(found: Measured, reference: Measured, photographs: Photographs) -> dict:
    from petseg.evaluation import scores
    from petseg.evaluation.confusion import confusion_matrices

    def counts(truth, predicted):
        return confusion_matrices(truth, predicted).numpy().sum(axis=0)

    labels = found.logits.argmax(axis=-1)
    against_truth = counts(photographs.masks, labels)
    agreed = scores.pixel_accuracy(counts(reference.logits.argmax(axis=-1), labels))
    return {
        "agreement": float(agreed),
        "largest_logit_difference": float(np.abs(found.logits - reference.logits).max()),
        "mean_iou": float(scores.mean_iou(against_truth)),
        "pet_iou": float(scores.pet_iou(against_truth)),
        "milliseconds": 1000 * found.seconds,
        "relative_latency": found.seconds / reference.seconds,
    }


def _write_saved_model(model, path: Path, batch: int | None = None) -> None:
    with atomic_folder(path) as folder:
        taken = _photographs(model, batch)
        model.export(folder, format="tf_saved_model", verbose=False, input_signature=taken)


def _photographs(model, batch: int | None = None) -> list:
    """What an exported network takes, as Keras's export wants to be told it."""
    import keras

    size = model.input_shape[1]
    return [keras.InputSpec(shape=(batch, size, size, 3), dtype="float32", name="photographs")]


def _load_saved_model(path: Path) -> Network:
    import tensorflow as tf

    network = tf.saved_model.load(str(path))
    return lambda images: network.serve(tf.cast(images, tf.float32)).numpy()


@functools.lru_cache(maxsize=1)
def _for_one_photograph(model) -> Path:
    """A SavedModel for batches of one, which TFLite's three conversions share.

    With a batch of any size, some of its kernels are many times slower.
    """
    folder = tempfile.mkdtemp(prefix="petseg-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    _write_saved_model(model, Path(folder) / "saved_model", batch=1)
    return Path(folder) / "saved_model"


def _write_tflite(model, path: Path, weights: str) -> None:
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_saved_model(str(_for_one_photograph(model)))
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
        taken = _photographs(model)
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


def _missing(kind: Format) -> list[str]:
    return [name for name in kind.packages if importlib.util.find_spec(name) is None]


def _refuse_foreign(path: Path) -> None:
    """Replacing a folder must not cost anyone their files."""
    if path.is_dir() and any(path.iterdir()) and not (path / "saved_model.pb").is_file():
        raise PetsegError(f"{path} holds something other than a SavedModel; name another --out")


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser("export", __doc__)
    commands.add_model_option(parser)
    parser.add_argument(
        "--out", type=Path, metavar="FOLDER", help="default: exported/ and the model's name"
    )
    parser.add_argument(
        "--formats",
        nargs="+",
        choices=FORMATS,
        metavar="FORMAT",
        help=f"some of {', '.join(FORMATS)}; default: all",
    )
    parser.add_argument(
        "--photographs",
        type=commands.whole_number(1),
        default=64,
        metavar="N",
        help="how many the formats are compared on: of the test split where its records are here, "
        "else generated pets; default: %(default)s",
    )
    return parser


def _table(report: dict) -> str:
    heads = ("format", "MB", "agreement", "logit difference", "mean IoU", "pet IoU", "latency")
    rows, reasons = [], []
    for name, row in report["formats"].items():
        if "reason" in row:
            reasons.append(f"{name}: {row['reason']}")
        if "agreement" in row:
            numbers = (
                f"{row['bytes'] / 1e6:.2f}",
                f"{row['agreement']:.3%}",
                f"{row['largest_logit_difference']:.2g}",
                f"{row['mean_iou']:.4f}",
                f"{row['pet_iou']:.4f}",
                f"{row['relative_latency']:.2f}",
            )
            rows.append((name, *numbers))
    headline = f"On {report['photographs']} photographs ({report['source']}):"
    return "\n".join([headline, "", commands.table(heads, rows), *reasons])


if __name__ == "__main__":
    main()
