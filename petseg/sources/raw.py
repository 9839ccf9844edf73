"""Reads the encoded dataset in data/raw/dataset, from any source.

`dataset.json` there holds spec, layout (`tfds` or `files`), and shares of splits to draw.
"""

from collections.abc import Callable, Container, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from petseg.core.dataset_file import DatasetFile
from petseg.core.dataset_spec import DatasetSpec, parse_spec
from petseg.core.errors import PetsegError
from petseg.core.files import read_json, write_json
from petseg.sources import oxford_pets, stored_files
from petseg.sources.raw_example import Block, Key, RawExample

DESCRIPTION = "dataset.json"

_LAYOUTS = {"tfds": oxford_pets, "files": stored_files}


class RawDataset(NamedTuple):
    """A dataset on disk, in constant order.

    `blocks` takes a split and a block's size, `examples` a block, `keys` a split, `masks` a split
    and names. `shares` maps splits to draw from `train`, in order, to their share of the rest, or
    None for that in params.yaml. `leave_out` is excluded from training and validation.
    `described_in` is the YAML file.
    """

    spec: DatasetSpec
    described_in: str
    counts: dict[str, int]
    shares: dict[str, float | None]
    leave_out: frozenset[str]
    blocks: Callable[[str, int], list[Block]]
    examples: Callable[[Block], Iterator[RawExample]]
    keys: Callable[[str], list[Key]]
    masks: Callable[[str, Container[str]], dict[str, bytes]]


def describe(raw: Path, dataset: DatasetFile, layout: str, shares: dict[str, float | None]) -> None:
    """Writes the description that `open_raw` needs."""
    content = {
        "spec": dataset.spec().to_json(),
        "file": dataset.file.as_posix(),
        "layout": layout,
        "shares": shares,
        "leave_out": dataset.leave_out,
    }
    write_json(raw / DESCRIPTION, content)


def open_raw(raw: Path) -> RawDataset:
    """Opens a dataset; raises PetsegError if it is missing, damaged or outdated."""
    path = raw / DESCRIPTION
    try:
        content = read_json(path)
        layout, shares = _LAYOUTS[content["layout"]], content["shares"]
        spec, file = parse_spec(content["spec"], str(path)), content["file"]
        leave_out = frozenset(content["leave_out"])
    except (OSError, ValueError, KeyError, TypeError):
        raise PetsegError(
            f"{path} is missing or damaged; get the dataset again: dvc repro -f download"
        ) from None
    return RawDataset(
        spec=spec,
        described_in=file,
        counts=layout.counts(raw),
        shares=shares,
        leave_out=leave_out,
        blocks=lambda split, size: layout.blocks(raw, split, size),
        examples=lambda block: layout.examples(raw, block, spec.groups),
        keys=lambda split: layout.keys(raw, split, spec.groups),
        masks=lambda split, names: layout.masks(raw, split, names),
    )


def masks(raw: Path, split: str, names: Iterable[str]) -> list[bytes]:
    """Returns a split's encoded masks in the order of `names`."""
    names = list(names)
    dataset = open_raw(raw)
    found = dataset.masks("train" if split in dataset.shares else split, set(names))
    if missing := [name for name in names if name not in found]:
        raise PetsegError(f"{raw} holds no mask of {missing[0]}; run: dvc repro preprocess")
    return [found[name] for name in names]
