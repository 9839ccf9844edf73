"""Generated pets to measure on, made once and kept in `.petseg/benchmarks`."""

import shutil
import tempfile
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


def drawn(count: int, side: int) -> Path:
    """A folder of `count` photographs with sides of at least `side`, laid out as the archives."""
    folder = HOME / f"pictures-{count}-{side}"
    if not folder.exists():
        synthetic.write_dataset(folder, train=count - 1, test=1, image_size=side, seed=1)
    return folder


def as_dataset(pictures: Path, copies: int) -> Path:
    """The photographs in `pictures`, each `copies` times under other names, as a TFDS dataset."""
    folder = HOME / f"dataset-{pictures.name}-{copies}"
    if not folder.exists():
        with atomic_folder(folder) as target, tempfile.TemporaryDirectory() as home:
            copied = Path(home)
            _copy(pictures, copied, copies)
            oxford_pets.prepare_from_folder(copied, target, target / "downloads")
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


def _copy(pictures: Path, folder: Path, copies: int) -> None:
    for file in oxford_pets.LISTS.values():
        path = folder / "annotations" / file
        path.parent.mkdir(exist_ok=True)
        with path.open("w", encoding="utf-8") as copied:
            for line in (pictures / "annotations" / file).read_text("utf-8").splitlines():
                name, labels = line.split(" ", 1)
                for copy in range(copies):
                    print(f"{name}_{copy} {labels}", file=copied)
    for inside in ("images", "annotations/trimaps"):
        (folder / inside).mkdir(parents=True)
        for path in (pictures / inside).iterdir():
            for copy in range(copies):
                name = f"{path.stem}_{copy}{path.suffix}"
                shutil.copyfile(path, folder / inside / name)


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
