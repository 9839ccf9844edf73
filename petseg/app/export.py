"""Exports a network to other formats, and compares each file with Keras.

    petseg export
    petseg export --model models/shallow.keras --formats tflite_int8 onnx

Writes to the folder OUT:

    saved_model/             for TensorFlow (Serving); any batch size
    float32.tflite           for LiteRT (TensorFlow Lite); batch size 1
    float16.tflite           with float16 weights, half the size
    dynamic_range.tflite     with 8-bit weights; computes in float32
    int8.tflite              all in 8 bits, also input (uint8) and outputs (int8)
    model.onnx               for ONNX Runtime; needs tf2onnx and onnxruntime
    dataset.json             classes in order, their mask values and colours, regions
    report.json              the printed table, and the signature

Input: `images`, float32 (N, H, W, 3), RGB in [0, 255]. Outputs: `logits`, float32 (N, H, W, C),
and `labels`, uint8 (N, H, W), the index of the largest logit. Each file contains this signature,
the classes and dataset.json: as metadata (ONNX), a ZIP archive at the end (.tflite), or in
assets.extra/ (SavedModel).

The table compares each format with Keras on test images: share of equal labels, largest logit
difference, scores, and relative latency on this machine. int8.tflite is calibrated on training
images. Without records of these classes, both use generated pictures, without scores. Formats that
fail or differ too much are reported, and the exit code is 1.
"""

import argparse
from pathlib import Path

import numpy as np

from petseg.app import commands
from petseg.app.export_comparison import Images, Measured, compared, measure, some_images
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

CALIBRATION_IMAGES = 100


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, build_parser(), arguments)


def _main(options: argparse.Namespace) -> int:
    default_model.require(options.model)
    out = options.out or EXPORTED / options.model.stem
    for name in options.formats or FORMATS:
        _refuse_foreign(out / FORMATS[name].file)
    spec = network.model_spec(options.model, commands.named_dataset(options.dataset))
    from petseg.evaluation import inference

    model, _ = inference.load_network(options.model, spec)
    if (size := inference.image_size(model)) is None:
        raise PetsegError(f"{options.model} has no fixed input size")
    images = some_images(options.photographs, size, spec)
    calibration = some_images(CALIBRATION_IMAGES, size, spec, "train")
    source = Source(model, spec, calibration.pixels, options.opset)
    reference = measure(inference.runner(model), images)
    rows = {
        "keras": compared(reference, reference, images, spec) | {"bytes": _bytes(options.model)}
    }
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
    requested = options.formats or [name for name in FORMATS if not missing_packages(FORMATS[name])]
    return 1 if any("reason" in rows[name] for name in requested) else 0


def _export(source: Source, kind: Format, out: Path, reference: Measured, images: Images) -> dict:
    """Returns a format's report row: the comparison, or why it failed."""
    if missing := missing_packages(kind):
        return {"reason": f"needs {' and '.join(missing)}: pip install {' '.join(missing)}"}
    path = out / kind.file
    try:
        kind.write(source, path)
        found = measure(kind.load(path).run, images)
    except Exception as error:  # converters and runtimes raise any type
        lines = str(error).strip().splitlines() or [""]
        return {"reason": f"{type(error).__name__}: {lines[0]}"}
    if not np.isfinite(found.logits).all():
        return {"file": kind.file, "reason": "its logits are not finite"}
    row = {"file": kind.file, "bytes": _bytes(path)} | compared(
        found, reference, images, source.spec
    )
    if row["agreement"] < kind.least_agreement:
        row["reason"] = f"less than {kind.least_agreement:.1%} of the labels agree with Keras"
    return row


def _refuse_foreign(path: Path) -> None:
    """Refuses to replace a folder that is no SavedModel."""
    if path.is_dir() and any(path.iterdir()) and not (path / "saved_model.pb").is_file():
        raise PetsegError(f"{path} is not a SavedModel and would be replaced; choose another --out")


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def build_parser() -> argparse.ArgumentParser:
    parser = commands.parser("export", __doc__)
    commands.add_model_option(parser, default=paths.model(paths.NETWORKS[0]))
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="the output folder; default: exported/ and the model's name",
    )
    parser.add_argument(
        "--formats",
        nargs="+",
        choices=FORMATS,
        metavar="FORMAT",
        help=f"one or more of {', '.join(FORMATS)}; default: all",
    )
    parser.add_argument(
        "--photographs",
        type=commands.whole_number(1),
        default=64,
        metavar="N",
        help="compare the formats on N images of the test split, or on generated pictures without "
        "records; default: %(default)s",
    )
    parser.add_argument(
        "--opset",
        type=commands.whole_number(13, 18),
        default=OPSET,
        metavar="N",
        help="the ONNX opset; default: %(default)s",
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
