"""Compares exported networks with Keras."""

import itertools
import statistics
import time
from typing import NamedTuple

import numpy as np

from petseg.core import paths
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.errors import PetsegError
from petseg.prediction.runtimes import Run


class Images(NamedTuple):
    """Images uint8 (N, H, W, 3), and masks uint8 (N, H, W) with VOID, if any."""

    pixels: np.ndarray
    masks: np.ndarray | None
    source: str


def some_images(
    count: int, size: tuple[int, int], spec: DatasetSpec, split: str = "test"
) -> Images:
    """Returns a split's first images, or generated pictures if no records match."""
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
    """Logits, and median seconds per image."""

    logits: np.ndarray
    seconds: float


def measure(run: Run, images: Images) -> Measured:
    """Runs a network on one image at a time."""
    run(images.pixels[:1])  # the first call also initializes
    logits, seconds = [], []
    for index in range(len(images.pixels)):
        start = time.perf_counter()
        logits.append(run(images.pixels[index : index + 1]))
        seconds.append(time.perf_counter() - start)
    return Measured(np.concatenate(logits), statistics.median(seconds))


def compared(found: Measured, reference: Measured, images: Images, spec: DatasetSpec) -> dict:
    """Returns two networks' agreement, and the first one's scores (None if undefined)."""
    from petseg.metrics import scores
    from petseg.metrics.confusion import confusion_matrices

    classes = len(spec.classes)
    labels = found.logits.argmax(axis=-1)

    def matrix(truth: np.ndarray) -> np.ndarray:
        return confusion_matrices(truth, labels, classes).sum(axis=0)

    agreed = scores.pixel_accuracy(scores.counts(matrix(reference.logits.argmax(axis=-1))))
    values: np.ndarray = np.full(1 + len(spec.regions), np.nan)
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
