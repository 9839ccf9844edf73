"""Generated pets to measure on, made once and kept in `.petseg/benchmarks`.

TensorFlow is only imported inside functions, so that `--help` is fast.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from petseg.core import yaml12
from petseg.core.dataset_file import parse_dataset
from petseg.core.files import atomic_folder, write_json
from petseg.core.params import load_params
from petseg.core.paths import PARAMS, dataset_file
from petseg.sources.generated.breeds import BREEDS
from petseg.sources.generated.dataset import write_dataset
from petseg.sources.generated.drawing import draw_pet

HOME = Path(".petseg") / "benchmarks"
ROOT = Path(__file__).parent.parent
SIZE = load_params(ROOT / PARAMS).image_size
"""(height, width) from params.yaml."""
FILE = ROOT / dataset_file("generated_pets")
DATASET = parse_dataset(yaml12.read(FILE), "generated_pets", FILE)
SPEC = DATASET.spec()
CLASSES = len(SPEC.classes)


def as_records(count: int) -> Path:
    """Returns records of `count` training and test examples each, and 64 for validation."""
    height, width = SIZE
    folder = HOME / f"tfrecords-{height}x{width}-{count}"
    if not folder.exists():
        with atomic_folder(folder) as target:
            _write(target, {"train": count, "validation": 64, "test": count})
    return folder


def drawn(count: int, side: int) -> Path:
    """Returns a folder of `count` images, laid out as the archives; sides are at least `side`."""
    folder = HOME / f"pictures-{count}-{side}"
    if not folder.exists():
        write_dataset(folder, train=count - 1, test=1, image_size=side, seed=1)
    return folder


def as_dataset(pictures: Path, copies: int) -> Path:
    """Returns `pictures`, `copies` times each under other names, as `download` stores them."""
    from petseg.sources import acquisition, oxford_pets, raw

    folder = HOME / f"dataset-{pictures.name}-{copies}"
    if not folder.exists():
        with atomic_folder(folder) as target, tempfile.TemporaryDirectory() as home:
            copied = Path(home)
            _copy(pictures, copied, copies)
            oxford_pets.prepare_from_folder(copied, target, target / "downloads")
            raw.describe(target, DATASET, "tfds", acquisition.FROM_TRAINING)
    return folder


def encoder_weights() -> Path:
    """Returns a file of random weights, which are enough for timing."""
    import keras

    path = HOME / "encoder.weights.h5"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        keras.utils.set_random_seed(1)
        shape = (*SIZE, 3)
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
        with records.SplitWriter(folder, split, 1024, SPEC) as writer:
            for number in range(count):
                breed = BREEDS[number % len(BREEDS)]
                image, trimap = draw_pet(rng, breed, *SIZE)
                name = f"{breed.name}_{number}"
                writer.write(records.Example(image, trimap - 1, name, (breed.name, "")))
        summaries[split] = writer.summary()
    content = {"dataset": SPEC.to_json(), "image_size": SIZE, "splits": summaries}
    write_json(folder / records.MANIFEST, content)
