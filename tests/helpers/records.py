"""Small sets of records."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from petseg import records
from petseg.core.files import write_json

BRIGHTNESS = np.array([220, 40, 130])
"""Of pet, background and border in `squares`."""


def write_records(
    folder: Path,
    splits: Mapping[str, Iterable[records.Example]],
    *,
    image_size: int,
    shard_examples: int = 2,
) -> dict:
    """Writes each split's examples and the manifest; returns the manifest's part of each split."""
    folder.mkdir(exist_ok=True)
    entries = {}
    for split, examples in splits.items():
        with records.SplitWriter(folder, split, shard_examples) as writer:
            for example in examples:
                writer.write(example)
        entries[split] = writer.summary()
    write_json(folder / records.MANIFEST, {"image_size": image_size, "splits": entries})
    return entries


def random_example(name: str, size: int) -> records.Example:
    """An example whose pixels and groups follow from its name."""
    rng = np.random.default_rng(list(name.encode()))
    image = rng.integers(0, 256, (size, size, 3), np.uint8)
    mask = rng.integers(0, 3, (size, size), np.uint8)
    return records.Example(image, mask, name, breed=int(rng.integers(37)), species=len(name) % 2)


def write_squares(folder: Path) -> None:
    """Bright squares (pet) with a grey rim (border) on dark ground: easy to learn."""
    rng, side = np.random.default_rng(0), 32

    def square(name: str) -> records.Example:
        mask = np.ones((side, side), np.uint8)
        top, left = rng.integers(2, side // 2, size=2)
        mask[top - 2 : top + 14, left - 2 : left + 14] = 2
        mask[top : top + 12, left : left + 12] = 0
        levels = BRIGHTNESS[mask][..., None]
        image = np.clip(levels + rng.normal(0, 10, (side, side, 3)), 0, 255)
        return records.Example(image.astype(np.uint8), mask, name, 0, 0)

    counts = {"train": 24, "validation": 6, "test": 6}
    splits = {split: [square(f"{split}_{i}") for i in range(n)] for split, n in counts.items()}
    write_records(folder, splits, image_size=side, shard_examples=10)
