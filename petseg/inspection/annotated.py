"""Reads annotations' labels and draws their masks."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from petseg.core.dataset_spec import DatasetSpec
from petseg.core.errors import PetsegError
from petseg.core.parallel import parallel_map
from petseg.sources import annotations
from petseg.sources.listing import Row
from petseg.sources.pairing import Mask


def labels(kind: str, rows: Sequence[Row]) -> list[str]:
    """Returns the labels in use: COCO's in file order, LabelMe's sorted."""
    files = list(dict.fromkeys(row.mask.path for row in rows))
    if kind == "coco":
        opened = map(annotations.open_coco, files)
        return list(dict.fromkeys(one for file in opened for one in file.categories))
    return sorted({label for found in parallel_map(_labelme_labels, files) for label in found})


def drawer(
    kind: str, rows: Sequence[Row], spec: DatasetSpec, unlabelled: str
) -> Callable[[Mask], bytes]:
    """Returns a function that draws masks."""
    if kind == "labelme":
        return lambda mask: annotations.labelme_mask(mask.path, spec, unlabelled)
    opened = {path: annotations.open_coco(path) for path in {row.mask.path for row in rows}}
    return lambda mask: opened[mask.path].mask(mask.entry, spec, unlabelled)


def _labelme_labels(path) -> list[str]:
    with suppress(PetsegError):  # drawing the mask reports it
        return annotations.labelme_labels(path)
    return []
