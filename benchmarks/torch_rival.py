"""Compares training with segmentation_models.pytorch: speed, and quality after the same time.

    python -m venv TORCH && TORCH/bin/pip install -r benchmarks/requirements-torch.txt
    dvc repro preprocess
    python -m benchmarks.torch_rival --python TORCH/bin/python

Trains ours first, as set in params.yaml except for the number of epochs, and then each rival for
the same time: on the same images, with batches of 16, AdamW, channels last, and float32, PyTorch's
default. All are scored on the validation split, at the records' size. A rival with MobileNetV2
starts from the same ImageNet weights as ours. There are none for another encoder, which starts from
random weights. Prints a table, and writes it to benchmarks/torch_rival.json.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from benchmarks import training
from petseg.core import paths, stage_runner
from petseg.core.errors import PetsegError
from petseg.core.files import write_json

RESULTS = Path("benchmarks") / "torch_rival.json"
MODEL = Path(__file__).with_name("torch_model.py")
RIVALS = (("Unet", "mobilenet_v2", True), ("FPN", "resnet34", False))
"""Architecture, encoder, and whether it starts from the ImageNet weights of `download`."""
INSTALL = "pip install -r benchmarks/requirements-torch.txt"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--python", required=True, metavar="FILE", help="in the environment with PyTorch"
    )
    parser.add_argument(
        "--epochs", type=int, default=3, metavar="N", help="of ours; default: %(default)s"
    )
    parser.add_argument("--ours", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    options = parser.parse_args()
    with stage_runner.report_errors():
        if options.ours:
            print(json.dumps(train_ours(options.ours, options.epochs)))
        else:
            compare(options.python, options.epochs)


def compare(python: str, epochs: int) -> None:
    """Trains all in turn, each in a separate process, and prints the results."""
    require_torch(python)
    training.require_records()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        pretrained = write_inputs(folder)
        command = [sys.executable, "-m", "benchmarks.torch_rival", "--python", python]
        rows = [result([*command, "--ours", name, "--epochs", str(epochs)], folder, "ours: U-Net")]
        for architecture, encoder, accepts_weights in RIVALS:
            command = [python, str(MODEL), name, "--architecture", architecture]
            command += ["--encoder", encoder, "--seconds", str(rows[0]["seconds"])]
            weights = pretrained and accepts_weights
            command += ["--pretrained"] * weights
            kind = "ImageNet" if weights else "random"
            rows.append(result(command, folder, f"{architecture}, {encoder}, {kind} weights"))
    write_json(RESULTS, {"rows": rows})
    print(table(rows))
    print(f"\nthe same as JSON: {RESULTS}")


def require_torch(python: str) -> None:
    """Raises PetsegError if no rival can run."""
    try:
        done = subprocess.run(
            [python, "-c", "import segmentation_models_pytorch"], capture_output=True, text=True
        )
    except OSError as error:
        raise PetsegError(f"--python: {python} cannot be run: {error.strerror}") from None
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise PetsegError(f"{python} has no segmentation_models.pytorch ({reason[0]}): {INSTALL}")


def write_inputs(folder: Path) -> bool:
    """Writes the inputs of torch_model.py; returns whether there are encoder weights."""
    from petseg import records
    from petseg.models.encoders import mobilenet_v2, storage

    for split in ("train", "validation"):
        examples = records.load(paths.RECORDS, split)
        np.save(folder / f"{split}_images.npy", examples.images)
        np.save(folder / f"{split}_masks.npy", examples.masks)
    weights = storage.stored_encoder(paths.ENCODER)
    if weights:
        np.savez(folder / "encoder.npz", **as_torch(mobilenet_v2.build(None, 1.0, weights)))
    return weights is not None


def as_torch(model) -> dict[str, np.ndarray]:
    """Returns the weights of Keras's MobileNetV2 with torchvision's names and layout.

    Padding before convolutions with stride 2 differs: Keras pads right and below, PyTorch on all
    sides. The features are therefore shifted by less than a pixel; training adapts to that.
    """
    tensors = {}
    for layer in model.layers:
        if not layer.weights:
            continue
        name = _torch_name(layer.name)
        arrays = layer.get_weights()
        if len(arrays) == 1:
            axes = (2, 3, 0, 1) if "depthwise" in layer.name else (3, 2, 0, 1)
            tensors[f"{name}.weight"] = np.ascontiguousarray(arrays[0].transpose(axes))
        else:
            of_normalization = ("weight", "bias", "running_mean", "running_var")
            tensors |= {f"{name}.{k}": a for k, a in zip(of_normalization, arrays, strict=True)}
    return tensors


def _torch_name(name: str) -> str:
    """Returns torchvision's name for a layer of Keras's MobileNetV2."""
    first_and_last = {"Conv1": (0, 0), "bn_Conv1": (0, 1), "Conv_1": (18, 0), "Conv_1_bn": (18, 1)}
    if name in first_and_last:
        block, place = first_and_last[name]
        return f"features.{block}.{place}"
    block, _, part = name.removesuffix("_BN").rpartition("_")
    is_normalization = name.endswith("_BN")
    number = 1 if block == "expanded_conv" else int(block.removeprefix("block_")) + 1
    steps = ["depthwise", "project"] if number == 1 else ["expand", "depthwise", "project"]
    step = steps.index(part)
    if part == "project":
        return f"features.{number}.conv.{step + is_normalization}"
    return f"features.{number}.conv.{step}.{int(is_normalization)}"


def train_ours(folder: Path, epochs: int) -> dict:
    """Trains our U-Net and predicts the validation split, as torch_model.py does."""
    from petseg import records
    from petseg.core.params import load_params
    from petseg.evaluation import inference
    from petseg.models.encoders import storage

    params = load_params().train_unet
    last = min(params.final_epochs_without_geometry, epochs // 3)
    params = params.model_copy(update={"epochs": epochs, "final_epochs_without_geometry": last})
    weights = storage.stored_encoder(paths.ENCODER)
    report = training.train_unet(params, paths.RECORDS, weights, folder)
    count = records.manifest(paths.RECORDS)["splits"]["train"]["examples"]
    model = inference.load_network(folder / "unet.keras").model
    run, held_out = inference.runner(model), np.load(folder / "validation_images.npy")
    batches = np.array_split(held_out, max(1, len(held_out) // params.batch_size))
    labels = np.concatenate([run(batch).argmax(axis=-1) for batch in batches])
    np.save(folder / "labels.npy", labels.astype(np.uint8))
    return {
        "seconds": sum(epoch["seconds"] for epoch in report["epochs"]),
        "images": count * epochs,
        "images_per_second": report["epochs"][-1]["images_per_second"],
        "parameters": model.count_params(),
    }


def result(command: list[str], folder: Path, title: str) -> dict:
    """Returns what a training printed, and the scores of the labels that it wrote."""
    from petseg import records
    from petseg.metrics import scores
    from petseg.metrics.confusion import confusion_matrices

    print(f"{title}: training", flush=True)
    found = {"title": title} | training.printed(command)
    spec = records.spec(paths.RECORDS)
    truth, labels = (np.load(folder / name) for name in ("validation_masks.npy", "labels.npy"))
    classes = len(spec.classes)
    matrix = sum(
        confusion_matrices(t[None], p[None], classes)[0] for t, p in zip(truth, labels, strict=True)
    )
    counts = scores.counts(matrix, spec.label_sets)
    found["mean_iou"] = float(scores.mean_iou(counts[:classes]))
    found["regions"] = dict(zip(spec.regions, scores.iou(counts[classes:]).tolist(), strict=True))
    return found


def table(rows: list[dict]) -> str:
    """Returns the results as Markdown, ours first; ratios are ours over theirs in images/s."""
    regions = list(rows[0]["regions"])
    titles = ["", "parameters", "images/s", "ratio", "seconds", "images seen", "mean IoU"]
    titles += [f"{region} IoU" for region in regions]
    lines = ["| " + " | ".join(titles) + " |", "| --- |" + " ---: |" * (len(titles) - 1)]
    for row in rows:
        cells = [
            row["title"],
            f"{row['parameters']:,}",
            f"{row['images_per_second']:.1f}",
            f"{rows[0]['images_per_second'] / row['images_per_second']:.2f}",
            f"{row['seconds']:.0f}",
            f"{row['images']:,}",
            f"{row['mean_iou']:.4f}",
            *(f"{row['regions'][region]:.4f}" for region in regions),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
