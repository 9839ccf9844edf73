"""Generated pets to measure on, made once and kept in `.petseg/benchmarks`."""

from pathlib import Path

import numpy as np

from petseg.classes import CLASS_NAMES
from petseg.data import drawing, oxford_pets, records, synthetic
from petseg.files import atomic_folder, write_json

HOME = Path(".petseg") / "benchmarks"
SIDE = 128
PHOTOGRAPHS = 640
"""For training and for evaluation."""


def as_records(count: int) -> Path:
    """A folder of records with `count` training and test examples each, and 64 for validation."""
    folder = HOME / f"records-{count}"
    if not folder.exists():
        with atomic_folder(folder) as target:
            _write(target, {"train": count, "validation": 64, "test": count})
    return folder


def as_dataset(count: int, side: int) -> Path:
    """A prepared dataset of `count` training photographs with sides of at least `side`."""
    folder = HOME / f"dataset-{count}-{side}"
    if not folder.exists():
        pictures = HOME / f"pictures-{count}-{side}"
        synthetic.write_dataset(pictures, train=count, test=1, image_size=side, seed=1)
        prepare(pictures, folder)
    return folder


def prepare(pictures: Path, folder: Path) -> Path:
    """The photographs in `pictures`, which has the layout of the archives, as a TFDS dataset."""
    with atomic_folder(folder) as target:
        oxford_pets.prepare_from_folder(pictures, target, target / "downloads")
    return folder


def encoder_weights() -> Path:
    """A file of random weights: to be timed, a network need not have learnt anything."""
    import keras

    path = HOME / "encoder.weights.h5"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(1)
        shape = (SIDE, SIDE, 3)
        keras.applications.MobileNetV2(shape, include_top=False, weights=None).save_weights(path)
    return path


def _write(folder: Path, counts: dict[str, int]) -> None:
    rng, summaries = np.random.default_rng(1), {}
    for split, count in counts.items():
        with records.SplitWriter(folder, split, shard_examples=1024) as writer:
            for number in range(count):
                breed = number % len(drawing.BREEDS)
                image, trimap = drawing.draw_pet(rng, drawing.BREEDS[breed], SIDE, SIDE)
                name = f"{drawing.BREEDS[breed].name}_{number}"
                writer.write(records.Example(image, trimap - 1, name, breed, 0))
        summaries[split] = writer.summary()
    content = {"image_size": SIDE, "classes": list(CLASS_NAMES), "splits": summaries}
    write_json(folder / records.MANIFEST, content)
