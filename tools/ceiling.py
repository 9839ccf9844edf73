"""Scores two slightly different drawings of the same masks: a ceiling for every score.

    python tools/ceiling.py

Compares each published mask of the test split with the same mask after making its soft edge (the
border of the pets) one pixel wider or narrower on both sides. The scores go to docs/results.md.
Needs data/raw from `dvc repro download`.
"""

import argparse

import marked
import numpy as np
from marked import END, markdown
from PIL import Image, ImageFilter
from results import PAGE
from tqdm import tqdm
from workspace import ROOT, committed_dataset

from petseg.core import paths
from petseg.core.dataset_spec import VOID
from petseg.core.parallel import parallel_map
from petseg.decoding.mask import decode_mask
from petseg.metrics import scores
from petseg.metrics.confusion import confusion_matrices
from petseg.sources.raw import open_raw

MARK = "<!-- ceiling: tools/ceiling.py -->\n"
SPEC = committed_dataset()
EDGE = SPEC.labels(SPEC.soft_edge)


def main() -> None:
    argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    ).parse_args()
    dataset = open_raw(ROOT / paths.RAW_DATASET)
    masks = dataset.masks("test", {key.name for key in dataset.keys("test")})
    found = parallel_map(agreements, masks.values())
    matrices = sum(tqdm(found, "compare", len(masks), unit="mask", disable=None))
    classes, lines = len(SPEC.classes), []
    for title, counts in zip(WAYS, scores.counts(matrices, SPEC.label_sets), strict=True):
        values = (scores.mean_iou(counts[:classes]), *scores.iou(counts))
        lines.append((title, *(f"{value:.4f}" for value in values)))
    titles = ("", "mean IoU", *SPEC.class_names, *(f"{name} IoU" for name in SPEC.regions))
    marked.replace(PAGE, MARK, END, markdown(titles, lines))


def agreements(mask: bytes) -> np.ndarray:
    """Returns an encoded mask's confusion matrices with its redrawn masks: int64 (W, C, C)."""
    labels = decode_mask(mask, SPEC)
    redrawn = np.stack([redraw(labels) for redraw in WAYS.values()])
    return confusion_matrices(np.stack([labels] * len(redrawn)), redrawn, len(SPEC.classes))


def wider(labels: np.ndarray) -> np.ndarray:
    """Adds all pixels next to the soft edge to the soft edge; labels uint8 (H, W)."""
    edge = np.isin(labels, EDGE)
    return np.where(_grown(edge) & ~edge & (labels != VOID), EDGE[0], labels).astype(np.uint8)


def narrower(labels: np.ndarray) -> np.ndarray:
    """Gives every pixel of the soft edge that touches a class to that class; labels uint8 (H, W).

    If it touches several, the last one in the order of classes gets it.
    """
    result = labels.copy()
    edge = np.isin(labels, EDGE)
    for label in set(range(len(SPEC.classes))) - set(EDGE):
        result[edge & _grown(labels == label)] = label
    return result


def _grown(region: np.ndarray) -> np.ndarray:
    """Returns a region, bool (H, W), with all pixels that touch it."""
    return np.asarray(Image.fromarray(region.astype(np.uint8)).filter(ImageFilter.MaxFilter(3))) > 0


WAYS = {"border a pixel wider": wider, "border a pixel narrower": narrower}


if __name__ == "__main__":
    main()
