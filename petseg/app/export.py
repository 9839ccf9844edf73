"""Exports a network to other formats, and checks each by loading it again.

    petseg export
    petseg export --model models/shallow.keras --formats tflite_int8 onnx

Writes into the folder OUT

    saved_model/             for TensorFlow and TensorFlow Serving, any number of images
    float32.tflite           for LiteRT (TensorFlow Lite), one image at a time
    float16.tflite           the same with weights of half the size
    int8.tflite              the same with weights of 8 bits (dynamic range)
    model.onnx               for ONNX Runtime; needs the packages tf2onnx and onnxruntime
    report.json              the table that is printed, and what goes in and comes out

Each takes images as float32 (N, S, S, 3), RGB in [0, 255], and gives float32 logits
(N, S, S, 3) of pet, background and border. The table tells, on test images, in which share
of the pixels the labels are those of the Keras model, the largest difference of a logit, the
scores, and the time for an image relative to Keras on this machine. A format that fails, or
differs too much, is reported, the others go on, and the exit code is 1.
"""

import argparse
import itertools
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from petseg.app import commands
from petseg.app.export_formats import FORMATS, Format, Network, missing_packages
from petseg.core import paths
from petseg.core.classes import CLASS_NAMES
from petseg.core.errors import PetsegError
from petseg.core.files import write_json

REPORT = "report.json"


class Images(NamedTuple):
    """What networks are compared on: pixels uint8 (N, S, S, 3), masks uint8 (N, S, S)."""

    pixels: np.ndarray
    masks: np.ndarray
    source: str


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, _parser(), arguments)


def _main(options: argparse.Namespace) -> int:
    out = options.out or Path("exported") / options.model.stem
    for name in options.formats or FORMATS:
        _refuse_foreign(out / FORMATS[name].file)
    model = commands.load_model(options.model)
    from petseg.evaluation import inference

    size = inference.image_size(model)
    images = some_images(options.photographs, size)
    reference = measure(inference.runner(model), images)
    rows = {"keras": _row(reference, reference, images) | {"bytes": _bytes(options.model)}}
    for name in options.formats or FORMATS:
        rows[name] = _export(model, FORMATS[name], out, reference, images)
    report = {
        "model": commands.text(options.model),
        "input": f"float32 (N, {size}, {size}, 3), RGB in [0, 255]; N = 1 for TFLite",
        "output": f"float32 (N, {size}, {size}, 3), logits of {', '.join(CLASS_NAMES)}",
        "photographs": len(images.pixels),
        "source": images.source,
        "formats": rows,
    }
    write_json(out / REPORT, report)
    print(_table(report))
    print(f"\nwritten to {commands.shown(out)}")
    asked_for = options.formats or [name for name in FORMATS if not missing_packages(FORMATS[name])]
    return 1 if any("reason" in rows[name] for name in asked_for) else 0


def some_images(count: int, size: int) -> Images:
    """The first images of the test split where its records have that size, or drawn ones."""
    from petseg import records
    from petseg.sources.generated.breeds import BREEDS
    from petseg.sources.generated.drawing import draw_pet

    try:
        if records.manifest(paths.RECORDS)["image_size"] == size:
            examples = list(itertools.islice(records.read(paths.RECORDS, "test"), count))
            pixels, masks, *_ = zip(*examples, strict=True)
            return Images(np.stack(pixels), np.stack(masks), "the test split")
    except PetsegError:
        pass
    drawn = [
        draw_pet(np.random.default_rng([0, index]), BREEDS[index % len(BREEDS)], size, size)
        for index in range(count)
    ]
    pixels, trimaps = zip(*drawn, strict=True)
    return Images(np.stack(pixels), np.stack(trimaps) - 1, "generated pets")


class Measured(NamedTuple):
    """A network's logits of each image, and the median time for one, in seconds."""

    logits: np.ndarray
    seconds: float


def measure(network: Network, images: Images) -> Measured:
    """Runs a network on one image after the other."""
    network(images.pixels[:1])  # the first call also prepares what the others use
    logits, seconds = [], []
    for index in range(len(images.pixels)):
        start = time.perf_counter()
        logits.append(network(images.pixels[index : index + 1]))
        seconds.append(time.perf_counter() - start)
    return Measured(np.concatenate(logits), statistics.median(seconds))


def _export(model, kind: Format, out: Path, reference: Measured, images: Images) -> dict:
    """A row of the report: how the exported network compares, or the reason why there is none."""
    if missing := missing_packages(kind):
        return {"reason": f"needs {' and '.join(missing)}: pip install {' '.join(missing)}"}
    path = out / kind.file
    try:
        kind.write(model, path)
        found = measure(kind.load(path), images)
    except Exception as error:  # converters and runtimes raise what they like
        lines = str(error).strip().splitlines() or [""]
        return {"reason": f"{type(error).__name__}: {lines[0]}"}
    if not np.isfinite(found.logits).all():
        return {"file": kind.file, "reason": "its logits are not finite"}
    row = {"file": kind.file, "bytes": _bytes(path)} | _row(found, reference, images)
    if row["agreement"] < kind.least_agreement:
        row["reason"] = f"less than {kind.least_agreement:.1%} of the labels are those of Keras"
    return row


def _row(found: Measured, reference: Measured, images: Images) -> dict:
    from petseg.metrics import scores
    from petseg.metrics.confusion import confusion_matrices

    def counts(truth, predicted):
        return confusion_matrices(truth, predicted, len(CLASS_NAMES)).sum(axis=0)

    labels = found.logits.argmax(axis=-1)
    against_truth = counts(images.masks, labels)
    agreed = scores.pixel_accuracy(counts(reference.logits.argmax(axis=-1), labels))
    return {
        "agreement": float(agreed),
        "largest_logit_difference": float(np.abs(found.logits - reference.logits).max()),
        "mean_iou": float(scores.mean_iou(against_truth)),
        "pet_iou": float(scores.pet_iou(against_truth)),
        "milliseconds": 1000 * found.seconds,
        "relative_latency": found.seconds / reference.seconds,
    }


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
    headline = f"On {report['photographs']} images ({report['source']}):"
    return "\n".join([headline, "", commands.table(heads, rows), *reasons])


if __name__ == "__main__":
    main()
