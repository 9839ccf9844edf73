"""Generated pets to measure on, made once and kept in `.petseg/benchmarks`.

What needs TensorFlow is imported in functions, so that `--help` need not wait for it.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from petseg.core.classes import CLASS_NAMES
from petseg.core.files import atomic_folder, write_json
from petseg.sources.generated.breeds import BREEDS
from petseg.sources.generated.dataset import write_dataset
from petseg.sources.generated.drawing import draw_pet

HOME = Path(".petseg") / "benchmarks"
SIDE = 128


def as_records(count: int) -> Path:
    """A folder of records with `count` training and test examples each, and 64 for validation."""
    folder = HOME / f"tfrecords-{count}"
    if not folder.exists():
        with atomic_folder(folder) as target:
            _write(target, {"train": count, "validation": 64, "test": count})
    return folder


def drawn(count: int, side: int) -> Path:
    """A folder of `count` images with sides of at least `side`, laid out as the archives."""
    folder = HOME / f"pictures-{count}-{side}"
    if not folder.exists():
        write_dataset(folder, train=count - 1, test=1, image_size=side, seed=1)
    return folder


def as_dataset(pictures: Path, copies: int) -> Path:
    """The images in `pictures`, each `copies` times under other names, as a TFDS dataset."""
    from petseg.sources import oxford_pets

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
    from petseg.sources import oxford_pets

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
    from petseg import records

    rng, summaries = np.random.default_rng(1), {}
    for split, count in counts.items():
        with records.SplitWriter(folder, split, shard_examples=1024) as writer:
            for number in range(count):
                breed = number % len(BREEDS)
                image, trimap = draw_pet(rng, BREEDS[breed], SIDE, SIDE)
                name = f"{BREEDS[breed].name}_{number}"
                writer.write(records.Example(image, trimap - 1, name, breed, 0))
        summaries[split] = writer.summary()
    content = {"image_size": SIDE, "classes": list(CLASS_NAMES), "splits": summaries}
    write_json(folder / records.MANIFEST, content)
