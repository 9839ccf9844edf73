"""From the prepared dataset to records: check, resize, split, write."""

import hashlib
import os
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from petseg import records
from petseg.core.classes import CLASS_NAMES, PET
from petseg.core.errors import PetsegError
from petseg.core.files import write_json
from petseg.sources import integrity, oxford_pets

UNLABELLED = "its mask holds no pet pixel"


class Prepared(NamedTuple):
    """What became of one image: an example, or the reason why there is none."""

    name: str
    example: records.Example | None
    bad: str | None = None
    converted: str | None = None


def write_records(
    raw: Path,
    folder: Path,
    *,
    image_size: int,
    validation_share: float,
    drop_unlabelled: bool,
    max_bad_examples: int,
    shard_examples: int,
    seed: int,
) -> dict:
    """Writes the dataset prepared in `raw` as records of all splits; returns the manifest.

    PetsegError lists every image or mask that cannot be used, where they are more than
    `max_bad_examples`, and names a split that stayed empty and a name in both official splits.
    """
    validation = validation_names(
        oxford_pets.names_and_breeds(raw, "train"), validation_share, seed
    )
    left_out: list[dict] = []
    converted: list[dict] = []
    official_of: dict[str, str] = {}
    with ExitStack() as stack:
        writers = {
            split: stack.enter_context(records.SplitWriter(folder, split, shard_examples))
            for split in records.SPLITS
        }
        for official in oxford_pets.SPLITS:
            for prepared in _prepared_examples(raw, official, image_size):
                if official_of.setdefault(prepared.name, official) != official:
                    raise PetsegError(f"{prepared.name} is in both official splits")
                split = "validation" if prepared.name in validation else official
                entry = {"name": prepared.name, "split": split}
                if prepared.converted:
                    converted.append(entry | {"from": prepared.converted})
                if prepared.bad:
                    left_out.append(entry | {"reason": prepared.bad})
                elif drop_unlabelled and official == "train" and _unlabelled(prepared.example):
                    left_out.append(entry | {"reason": UNLABELLED})
                else:
                    writers[split].write(prepared.example)
    _check_bad(left_out, max_bad_examples)
    manifest = {
        "image_size": image_size,
        "classes": list(CLASS_NAMES),
        "breeds": list(oxford_pets.BREEDS),
        "species": list(oxford_pets.SPECIES),
        "splits": {split: writer.summary() for split, writer in writers.items()},
        "left_out": left_out,
        "converted": converted,
    }
    empty = [split for split, entry in manifest["splits"].items() if not entry["examples"]]
    if empty:
        raise PetsegError(
            f"the {' and the '.join(empty)} split would hold no image; "
            "take more images or another preprocess.validation_share"
        )
    write_json(folder / records.MANIFEST, manifest)
    return manifest


def records_bytes(raw: Path, image_size: int) -> int:
    """How large the records of the dataset prepared in `raw` become at most, to a few percent."""
    return sum(oxford_pets.counts(raw).values()) * image_size**2 * 4  # three colours and a label


def validation_names(
    names_and_breeds: Iterable[tuple[str, int]], share: float, seed: int
) -> set[str]:
    """The names that form the validation split: `share` of each breed, chosen by hashing.

    Whether a name is chosen depends on the seed and on the names of its own breed alone.
    PetsegError where a name comes twice.
    """
    by_breed = defaultdict(list)
    times: Counter = Counter()
    for name, breed in names_and_breeds:
        by_breed[breed].append(name)
        times[name] += 1
    duplicated = sorted(name for name, count in times.items() if count > 1)
    if duplicated:
        raise PetsegError(f"names are duplicated in the training split: {', '.join(duplicated)}")
    chosen: set[str] = set()
    for names in by_breed.values():
        ranked = sorted(names, key=lambda name: hashlib.sha256(f"{seed} {name}".encode()).digest())
        chosen.update(ranked[: round(share * len(names))])
    return chosen


def resize(
    image: Image.Image,
    mask: Image.Image,
    size: int,
    box: tuple[float, float, float, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Image uint8 (size, size, 3), bilinear with antialiasing; mask uint8 labels, nearest.

    Of the image, all is taken, or what lies in the `box` of left, upper, right and lower.
    """
    square = (size, size)
    small_image = np.asarray(image.resize(square, Image.Resampling.BILINEAR, box))
    small_mask = np.asarray(mask.resize(square, Image.Resampling.NEAREST))
    return small_image, small_mask - 1


def _prepare(raw: oxford_pets.RawExample, size: int) -> Prepared:
    try:
        photograph = integrity.decode_photograph(raw.image, at_least=size)
        mask = integrity.decode_mask(raw.mask, photograph.size, photograph.orientation)
    except integrity.BadExample as error:
        return Prepared(raw.name, None, bad=str(error))
    pixels, labels = resize(photograph.image, mask, size, photograph.box)
    example = records.Example(pixels, labels, raw.name, raw.breed, raw.species)
    return Prepared(raw.name, example, converted=photograph.converted)


def _prepared_examples(raw: Path, split: str, size: int) -> Iterator[Prepared]:
    progress = tqdm(
        oxford_pets.examples(raw, split),
        total=oxford_pets.counts(raw)[split],
        desc=f"preprocess {split}",
        unit="image",
        disable=None,
    )
    return _parallel_map(lambda example: _prepare(example, size), progress)


def _parallel_map(function: Callable, items: Iterable) -> Iterator:
    """`map` over all cores, in order, with a bounded number of items under way.

    Threads are enough: Pillow decodes and resizes without holding Python's lock.
    """
    workers = os.cpu_count() or 1
    with ThreadPoolExecutor(workers) as pool:
        under_way: deque = deque()
        for item in items:
            under_way.append(pool.submit(function, item))
            if len(under_way) > 8 * workers:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()


def _unlabelled(example: records.Example) -> bool:
    return not np.any(example.mask == PET)


def _check_bad(left_out: list[dict], allowed: int) -> None:
    bad = [entry for entry in left_out if entry["reason"] != UNLABELLED]
    if len(bad) > allowed:
        lines = "".join(f"\n  - {entry['name']}: {entry['reason']}" for entry in bad)
        raise PetsegError(
            f"{len(bad)} images or masks cannot be used and "
            f"preprocess.max_bad_examples allows {allowed}:{lines}"
        )
