"""What several files of tests share: parameters for tiny runs, records, a disk that fills up."""

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from petseg.files import write_json

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

# Who runs in the background may have to ignore Ctrl-C; what tests start must not inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

STAGES = ("download", "preprocess", "train_unet", "train_shallow", "evaluate", "visualize")

_TRAINING = {"epochs": 1, "batch_size": 8, "precision": "float32", "undistorted_epochs": 0}
TINY = {
    "image_size": 32,
    "dataset": {
        "name": "synthetic",
        "synthetic_train": 74,
        "synthetic_test": 6,
        "synthetic_side": 32,
    },
    "preprocess": {"validation_share": 0.5},
    "train_unet": _TRAINING
    | {
        "encoder_weights": "none",
        "encoder_alpha": 0.35,
        "enlarge": 1,
        "fine_tune_from": "block_15",
        "fine_tune_after": 0,
        "decoder_filters": [8, 8, 8, 8],
    },
    "train_shallow": _TRAINING | {"width": 4},
    "evaluate": {"at_original_size": True},
    "visualize": {"samples": 2, "augmentations": 2, "predictions": 2, "hardest": 2},
}
"""Parameters for generated pets and networks so small that a test can wait for them."""


def pytest_collection_modifyitems(items) -> None:
    """The file that takes longest goes first, so that no core waits for it at the end."""
    items.sort(key=lambda item: item.path.name != "test_pipeline.py")


@pytest.fixture(scope="session")
def records_folder(tmp_path_factory) -> Path:
    """Bright squares (pet) with a grey rim (border) on dark ground, easy to learn."""
    from petseg.data import records  # TensorFlow takes seconds, and not every test needs it

    side = 32
    folder = tmp_path_factory.mktemp("records")
    rng = np.random.default_rng(0)
    splits = {}
    for split, count in (("train", 24), ("validation", 6), ("test", 6)):
        with records.SplitWriter(folder, split, shard_examples=10) as writer:
            for index in range(count):
                mask = np.ones((side, side), np.uint8)
                top, left = rng.integers(2, side // 2, size=2)
                mask[top - 2 : top + 14, left - 2 : left + 14] = 2
                mask[top : top + 12, left : left + 12] = 0
                levels = np.array([220, 40, 130])[mask][..., None]
                image = np.clip(levels + rng.normal(0, 10, (side, side, 3)), 0, 255)
                example = records.Example(image.astype(np.uint8), mask, f"{split}_{index}", 0, 0)
                writer.write(example)
        splits[split] = writer.summary()
    write_json(folder / records.MANIFEST, {"image_size": side, "splits": splits})
    return folder


SMALL_DISK = 256 * 1024


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of SMALL_DISK bytes; else of files that cannot grow beyond them."""
    folder = tmp_path / "small disk"
    folder.mkdir()
    if mounted("-t", "tmpfs", "-o", f"size={SMALL_DISK}", "none", str(folder)):
        yield folder
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    else:
        resource = pytest.importorskip("resource")
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL_DISK, limits[1]))
        yield folder
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def mounted(*arguments: str) -> bool:
    """Whether `mount` did what it was asked to do; most often, only root in Linux may ask."""
    return (
        bool(shutil.which("mount"))
        and not subprocess.run(["mount", *arguments], capture_output=True).returncode
    )
