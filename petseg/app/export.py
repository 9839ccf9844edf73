"""Exports a network to other formats, and checks each by loading it again.

    petseg export
    petseg export --model models/shallow.keras --formats tflite_int8 onnx

Writes into the folder OUT

    saved_model/             for TensorFlow and TensorFlow Serving, any number of images
    float32.tflite           for LiteRT (TensorFlow Lite), one image at a time
    float16.tflite           the same with weights of half the size
    dynamic_range.tflite     the same with weights of 8 bits, which compute in float32
    int8.tflite              all in 8 bits, also what goes in (uint8) and comes out (int8)
    model.onnx               for ONNX Runtime; needs the packages tf2onnx and onnxruntime
    dataset.json             the classes in their order, their mask values and colours, the regions
    report.json              the table that is printed, and what goes in and comes out

Each takes `images`, float32 (N, H, W, 3), RGB in [0, 255], and gives `logits`, float32 (N, H, W, C)
of the C classes, and `labels`, uint8 (N, H, W), the index of the largest. What goes in and comes
out, the classes and dataset.json are in each file, too: as metadata of ONNX, in a ZIP archive at
the end of a .tflite file, and in assets.extra/ of the SavedModel.

The table tells, on test images, in which share of the pixels the labels are those of the Keras
model, the largest difference of a logit, the scores, and the time for an image relative to Keras on
this machine. Without test images of these classes in the records, generated pictures are used,
which have no scores. int8.tflite is calibrated on training images, or else on generated pictures. A
format that fails, or differs too much, is reported, the others go on, and the exit code is 1.
"""

import argparse
import itertools
import statistics
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from petseg.app import commands
from petseg.app.export_formats import (
    FORMATS,
    OPSET,
    Format,
    Source,
    description,
    missing_packages,
)
from petseg.core import paths
from petseg.core.dataset_spec import SPEC_FILE, DatasetSpec
from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256, write_json
from petseg.prediction import default_model, network
from petseg.prediction.default_model import EXPORTED, REPORT
from petseg.prediction.runtimes import Run

CALIBRATED_ON = 100
"""Images."""


class Images(NamedTuple):
    """What networks are compared on: pixels uint8 (N, H, W, 3), and masks uint8 (N, H, W), if any.

    The masks hold labels, and VOID.
    """

    pixels: np.ndarray
    masks: np.ndarray | None
    source: str


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, _parser(), arguments)


def _main(options: argparse.Namespace) -> int:
    default_model.require(options.model)
    out = options.out or EXPORTED / options.model.stem
    for name in options.formats or FORMATS:
        _refuse_foreign(out / FORMATS[name].file)
    spec = network.model_spec(options.model, commands.named_dataset(options.dataset))
    from petseg.evaluation import inference

    model, _ = inference.load_network(options.model, spec)
    if (size := inference.image_size(model)) is None:
        raise PetsegError(f"{options.model} does not say how large its images are")
    images = some_images(options.photographs, size, spec)
    calibration = some_images(CALIBRATED_ON, size, spec, "train")
    source = Source(model, spec, calibration.pixels, options.opset)
    reference = measure(inference.runner(model), images)
    rows = {"keras": _row(reference, reference, images, spec) | {"bytes": _bytes(options.model)}}
    for name in options.formats or FORMATS:
        rows[name] = _export(source, FORMATS[name], out, reference, images)
    report = {
        "model": commands.text(options.model),
        "model_sha256": file_sha256(options.model),
        "dataset": spec.name,
        **description(source, None),
        "onnx_opset": options.opset,
        "calibrated_on": calibration.source,
        "photographs": len(images.pixels),
        "source": images.source,
        "formats": rows,
    }
    write_json(out / SPEC_FILE, spec.to_json())
    write_json(out / REPORT, report)
    print(_table(report, spec))
    print(f"\nwritten to {commands.shown(out)}")
    asked_for = options.formats or [name for name in FORMATS if not missing_packages(FORMATS[name])]
    return 1 if any("reason" in rows[name] for name in asked_for) else 0


def some_images(
    count: int, size: tuple[int, int], spec: DatasetSpec, split: str = "test"
) -> Images:
    """The first images of a split where the records are of these classes and of that size.

    Otherwise, generated pictures.
    """
    from petseg import records

    try:
        same_classes = records.spec(paths.RECORDS).class_names == spec.class_names
        if same_classes and records.image_size(paths.RECORDS) == size:
            examples = list(itertools.islice(records.read(paths.RECORDS, split), count))
            pixels, masks, *_ = zip(*examples, strict=True)
            return Images(np.stack(pixels), np.stack(masks), f"the {split} split")
    except PetsegError:
        pass
    from petseg.sources.generated.breeds import BREEDS
    from petseg.sources.generated.drawing import draw_pet

    drawn = [
        draw_pet(np.random.default_rng([0, index]), BREEDS[index % len(BREEDS)], *size)[0]
        for index in range(count)
    ]
    return Images(np.stack(drawn), None, "generated pictures")


class Measured(NamedTuple):
    """A network's logits of each image, and the median time for one, in seconds."""

    logits: np.ndarray
    seconds: float


def measure(run: Run, images: Images) -> Measured:
    """Runs a network on one image after the other."""
    run(images.pixels[:1])  # the first call also prepares what the others use
    logits, seconds = [], []
    for index in range(len(images.pixels)):
        start = time.perf_counter()
        logits.append(run(images.pixels[index : index + 1]))
        seconds.append(time.perf_counter() - start)
    return Measured(np.concatenate(logits), statistics.median(seconds))


def _export(source: Source, kind: Format, out: Path, reference: Measured, images: Images) -> dict:
    """A row of the report: how the exported network compares, or the reason why there is none."""
    if missing := missing_packages(kind):
        return {"reason": f"needs {' and '.join(missing)}: pip install {' '.join(missing)}"}
    path = out / kind.file
    try:
        kind.write(source, path)
        found = measure(kind.load(path).run, images)
    except Exception as error:  # converters and runtimes raise what they like
        lines = str(error).strip().splitlines() or [""]
        return {"reason": f"{type(error).__name__}: {lines[0]}"}
    if not np.isfinite(found.logits).all():
        return {"file": kind.file, "reason": "its logits are not finite"}
    row = {"file": kind.file, "bytes": _bytes(path)} | _row(found, reference, images, source.spec)
    if row["agreement"] < kind.least_agreement:
        row["reason"] = f"less than {kind.least_agreement:.1%} of the labels are those of Keras"
    return row


def _row(found: Measured, reference: Measured, images: Images, spec: DatasetSpec) -> dict:
    """How far two networks agree, and the scores of the first; None for one that is undefined."""
    from petseg.metrics import scores
    from petseg.metrics.confusion import confusion_matrices

    classes = len(spec.classes)
    labels = found.logits.argmax(axis=-1)

    def matrix(truth: np.ndarray) -> np.ndarray:
        return confusion_matrices(truth, labels, classes).sum(axis=0)

    agreed = scores.pixel_accuracy(scores.counts(matrix(reference.logits.argmax(axis=-1))))
    values = np.full(1 + len(spec.regions), np.nan)
    if images.masks is not None:
        counts = scores.counts(matrix(images.masks), spec.label_sets)
        values = np.array([scores.mean_iou(counts[:classes]), *scores.iou(counts[classes:])])
    mean_iou, *regions = (None if np.isnan(value) else float(value) for value in values)
    return {
        "agreement": float(agreed),
        "largest_logit_difference": float(np.abs(found.logits - reference.logits).max()),
        "mean_iou": mean_iou,
        "regions": dict(zip(spec.regions, regions, strict=True)),
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
    commands.add_model_option(parser, default=paths.model(paths.NETWORKS[0]))
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
        "else generated pictures; default: %(default)s",
    )
    parser.add_argument(
        "--opset",
        type=commands.whole_number(13, 18),
        default=OPSET,
        metavar="N",
        help="of ONNX; default: %(default)s",
    )
    return parser


def _table(report: dict, spec: DatasetSpec) -> str:
    heads = ("format", "MB", "agreement", "logit difference", "mean IoU")
    rows, reasons = [], []
    for name, row in report["formats"].items():
        if "reason" in row:
            reasons.append(f"{name}: {row['reason']}")
        if "agreement" in row:
            scores = (row["mean_iou"], *row["regions"].values())
            numbers = (
                f"{row['bytes'] / 1e6:.2f}",
                f"{row['agreement']:.3%}",
                f"{row['largest_logit_difference']:.2g}",
                *("–" if score is None else f"{score:.4f}" for score in scores),
                f"{row['relative_latency']:.2f}",
            )
            rows.append((name, *numbers))
    headline = f"On {report['photographs']} images ({report['source']}):"
    regions = [f"{name} IoU" for name in spec.regions]
    table = commands.table((*heads, *regions, "latency"), rows)
    return "\n".join([headline, "", table, *reasons])


if __name__ == "__main__":
    main()
