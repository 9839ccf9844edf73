"""Small sets of TFRecords."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import numpy as np

from petseg import records
from petseg.core.dataset_spec import VOID, DatasetSpec, parse_spec
from petseg.core.files import write_json
from tests.helpers.specs import PETS

BRIGHTNESS = np.array([220, 40, 130])
"""Grey levels of pet, background and border in `write_squares`."""

STRIPES = parse_spec(
    {
        "name": "stripes",
        "classes": [{"name": f"shade {label}", "value": label} for label in range(5)],
        "void": 9,
    },
    "stripes",
)
"""Five classes and void; no regions, no groups."""


def write_records(
    folder: Path,
    splits: Mapping[str, Iterable[records.Example]],
    *,
    image_size: tuple[int, int],
    spec: DatasetSpec = PETS,
    shard_examples: int = 2,
) -> dict:
    """Writes the examples of each split and the manifest; returns the manifest's entries."""
    folder.mkdir(exist_ok=True)
    entries = {}
    for split, examples in splits.items():
        with records.SplitWriter(folder, split, shard_examples, spec) as writer:
            for example in examples:
                writer.write(example)
        entries[split] = writer.summary()
    content = {"dataset": spec.to_json(), "image_size": list(image_size), "splits": entries}
    write_json(folder / records.MANIFEST, content)
    return entries


def make_splits(
    counts: Mapping[str, int], make_example: Callable[[str], records.Example]
) -> dict[str, list[records.Example]]:
    """Makes `counts` examples of each split, with names like `train_0`."""
    return {split: [make_example(f"{split}_{i}") for i in range(n)] for split, n in counts.items()}


def random_example(name: str, size: tuple[int, int], spec: DatasetSpec = PETS) -> records.Example:
    """Makes an example whose pixels and groups follow from its name."""
    rng = np.random.default_rng(list(name.encode()))
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    mask = rng.integers(0, len(spec.classes), size, np.uint8)
    groups = tuple(f"{group} {rng.integers(5)}" for group in spec.groups)
    return records.Example(image, mask, name, groups)


def write_random(folder: Path, counts: Mapping[str, int], size: tuple[int, int]) -> dict:
    """Writes random examples of PETS, two to a shard; returns the manifest's entries."""
    splits = make_splits(counts, lambda name: random_example(name, size))
    return write_records(folder, splits, image_size=size)


def write_squares(folder: Path) -> None:
    """Writes bright squares (pet) with a grey rim (border) on dark ground: easy to learn."""
    rng, side = np.random.default_rng(0), 32

    def square(name: str) -> records.Example:
        mask = np.ones((side, side), np.uint8)
        top, left = rng.integers(2, side // 2, size=2)
        mask[top - 2 : top + 14, left - 2 : left + 14] = 2
        mask[top : top + 12, left : left + 12] = 0
        levels = BRIGHTNESS[mask][..., None]
        image = np.clip(levels + rng.normal(0, 10, (side, side, 3)), 0, 255)
        return records.Example(image.astype(np.uint8), mask, name, ("Abyssinian", "cat"))

    splits = make_splits({"train": 24, "validation": 6, "test": 6}, square)
    write_records(folder, splits, image_size=(side, side), shard_examples=10)


def write_stripes(folder: Path) -> None:
    """Writes upright stripes in the shades of the classes, 32 high and 64 wide, with void between.

    Void pixels look like the first or the last class, at random: nothing can be learnt from them.
    """
    rng, size = np.random.default_rng(0), (32, 64)

    def stripes(name: str) -> records.Example:
        labels = rng.permutation(5).astype(np.uint8)
        mask = np.broadcast_to(labels.repeat(13)[: size[1]], size).copy()
        levels = (20 + 50 * mask)[..., None] + rng.normal(0, 8, (*size, 3))
        rim = np.arange(size[1]) % 13 >= 10
        levels[:, rim] = rng.choice([20, 220], (size[0], rim.sum(), 1))
        mask[:, rim] = VOID
        return records.Example(np.clip(levels, 0, 255).astype(np.uint8), mask, name)

    splits = make_splits({"train": 16, "validation": 4, "test": 4}, stripes)
    write_records(folder, splits, image_size=size, spec=STRIPES, shard_examples=10)
