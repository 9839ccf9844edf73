"""How far two people who draw the same outlines would agree: a ceiling for every score.

    python tools/ceiling.py

Takes each mask of the test split, as it was published, for the one, and the same mask with
its soft edge (the border of the pets) a pixel wider or narrower on both sides for the other. The
scores of the second against the first go to docs/results.md. Needs data/raw from `dvc repro
download`.
"""

import argparse
from collections.abc import Callable

import marked
import numpy as np
from marked import markdown
from PIL import Image, ImageFilter
from results import END, PAGE
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
    lines = []
    for title, redrawn in WAYS.items():
        found = parallel_map(lambda mask, redrawn=redrawn: agreement(mask, redrawn), masks.values())
        matrix = sum(tqdm(found, title, len(masks), unit="mask", disable=None))
        counts = scores.counts(matrix, SPEC.label_sets)
        classes = len(SPEC.classes)
        values = (scores.mean_iou(counts[:classes]), *scores.iou(counts))
        lines.append((title, *(f"{value:.4f}" for value in values)))
    titles = ("", "mean IoU", *SPEC.class_names, *(f"{name} IoU" for name in SPEC.regions))
    marked.replace(PAGE, MARK, END, markdown(titles, lines))


def agreement(mask: bytes, redrawn: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The confusion matrix of an encoded mask with the one redrawn: int64 (C, C)."""
    labels = decode_mask(mask, SPEC)
    return confusion_matrices(labels[None], redrawn(labels)[None], len(SPEC.classes))[0]


def wider(labels: np.ndarray) -> np.ndarray:
    """Labels uint8 (H, W) with every pixel beside the soft edge a part of it."""
    edge = np.isin(labels, EDGE)
    grown = _filtered(edge, ImageFilter.MaxFilter(3))
    return np.where(grown & ~edge & (labels != VOID), EDGE[0], labels).astype(np.uint8)


def narrower(labels: np.ndarray) -> np.ndarray:
    """Labels uint8 (H, W) with every pixel of the soft edge that touches a class a part of it.

    Where it touches several, of the last of them in the order of the classes.
    """
    result = labels.copy()
    edge = np.isin(labels, EDGE)
    for label in set(range(len(SPEC.classes))) - set(EDGE):
        result[edge & _filtered(labels == label, ImageFilter.MaxFilter(3))] = label
    return result


def _filtered(region: np.ndarray, kind: ImageFilter.Filter) -> np.ndarray:
    return np.asarray(Image.fromarray(region.astype(np.uint8)).filter(kind)) > 0


WAYS = {"border a pixel wider": wider, "border a pixel narrower": narrower}


if __name__ == "__main__":
    main()
