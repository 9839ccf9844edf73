"""Scores predictions against the published masks."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from PIL import Image
from tqdm import tqdm

from petseg.core.dataset_spec import VOID, DatasetSpec
from petseg.core.parallel import parallel_map
from petseg.decoding.mask import decode_mask
from petseg.evaluation import original_size
from petseg.evaluation.result import Counter, Result
from petseg.metrics import boundary, calibration
from petseg.metrics.confusion import confusion_matrices
from petseg.records import Source

SAMPLED = 2000
"""Pixels per image that fit the temperature."""


def score_network(
    run: Callable[[np.ndarray], np.ndarray],
    source: Source,
    original_masks: Sequence[bytes],
    spec: DatasetSpec,
    batch_size: int,
    label: str,
    temperature: float = 1.0,
) -> Result:
    """Scores a network on all examples; `run` is from `inference.runner`.

    Measures reliability without and with `temperature`, which divides the logits. `original_masks`
    are the encoded published masks, in `source`'s order. All cores count pixels while the network
    runs on the next images.
    """

    def examples() -> Iterator[tuple[np.ndarray, np.ndarray, bytes]]:
        for start in range(0, source.count, batch_size):
            end = min(start + batch_size, source.count)
            images, masks = source.fetch(np.arange(start, end))
            yield from zip(run(images), masks, original_masks[start:end], strict=True)

    def scored(example: tuple[np.ndarray, np.ndarray, bytes]) -> tuple:
        logits, mask, original = example
        in_records = confusion_matrices(mask[None], logits.argmax(-1)[None], len(spec.classes))
        loss = cross_entropy(logits[None], mask[None])
        of_confidence = [calibration.reliability(logits, mask, t) for t in (1.0, temperature)]
        found = of_original(*original_size.labels(logits, original, spec), spec)
        return *found, in_records, (loss, np.stack(of_confidence))

    found = _collected(parallel_map(scored, examples()), source.count, spec, label)
    return found._replace(temperature=temperature)


def fitted_temperature(
    run: Callable[[np.ndarray], np.ndarray], source: Source, batch_size: int, label: str
) -> float:
    """Returns the temperature that calibrates best, on a split not trained on.

    Uses about SAMPLED evenly spaced pixels per image.
    """
    logits, labels = [], []
    starts = range(0, source.count, batch_size)
    for start in tqdm(starts, f"calibrate {label}", unit="batch", disable=None):
        images, masks = source.fetch(np.arange(start, min(start + batch_size, source.count)))
        for of_image, mask in zip(run(images), masks.reshape(len(masks), -1), strict=True):
            some = np.arange(0, mask.size, max(1, mask.size // SAMPLED))
            some = some[mask[some] != VOID]
            logits.append(of_image.reshape(mask.size, -1)[some])
            labels.append(mask[some])
    return calibration.fit_temperature(np.concatenate(logits), np.concatenate(labels))


def score_mask(
    mask: np.ndarray,
    masks: Iterable[np.ndarray],
    original_masks: Sequence[bytes],
    spec: DatasetSpec,
    label: str,
) -> Result:
    """Scores a constant prediction, uint8 (H, W), against every mask, uint8 (H, W) each.

    Resizes it to the published masks by nearest neighbour.
    """
    classes = len(spec.classes)

    def scored(truths: tuple[np.ndarray, bytes]) -> tuple:
        truth, original = truths[0], decode_mask(truths[1], spec)
        resized = Image.fromarray(mask).resize(original.shape[::-1], Image.Resampling.NEAREST)
        in_records = confusion_matrices(truth[None], mask[None], classes)
        return *of_original(original, np.asarray(resized), spec), in_records, None

    found = parallel_map(scored, zip(masks, original_masks, strict=True))
    return _collected(found, len(original_masks), spec, label)


def of_original(
    truth: np.ndarray, predicted: np.ndarray, spec: DatasetSpec
) -> tuple[np.ndarray, np.ndarray]:
    """Returns an image's confusion matrix, int64 (1, C, C), and `boundary.counts`, (1, K, 3)."""
    matrix = confusion_matrices(truth[None], predicted[None], len(spec.classes))
    return matrix, boundary.counts(truth, predicted, spec.label_sets)[None]


def _collected(found: Iterable[tuple], count: int, spec: DatasetSpec, label: str) -> Result:
    """Returns the result of all images, from a tuple for each.

    A tuple has the results of `of_original`, the matrix at the records' size, (1, C, C), and a
    network's cross-entropy and reliability, or None.
    """
    original, in_records, outlines, of_networks = Counter(spec), Counter(spec), [], []
    for matrix, near, at_records, rest in tqdm(found, label, count, unit="image", disable=None):
        original.add(matrix)
        outlines.append(near)
        in_records.add(at_records)
        if rest is not None:
            of_networks.append(rest)
    counted = original.counted(), in_records.counted(), np.concatenate(outlines)
    if not of_networks:
        return Result(*counted)
    losses, of_confidence = zip(*of_networks, strict=True)
    return Result(*counted, np.concatenate(losses), np.sum(of_confidence, axis=0))


def cross_entropy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns each image's mean cross-entropy in nats: float64 (B,), NaN if all VOID.

    `logits` are float32 (B, H, W, C), `labels` integer (B, H, W). VOID is not counted.
    """
    shifted = logits - logits.max(axis=-1, keepdims=True)  # avoids overflow
    log_total = np.log(np.exp(shifted).sum(axis=-1))
    counted = labels != VOID
    indices = np.where(counted, labels, 0).astype(np.intp)
    of_label = np.take_along_axis(shifted, indices[..., None], axis=-1)[..., 0]
    of_pixels = np.where(counted, log_total - of_label, 0).sum(axis=(1, 2), dtype=np.float64)
    pixels = counted.sum(axis=(1, 2))
    return np.where(pixels, of_pixels / np.maximum(pixels, 1), np.nan)
