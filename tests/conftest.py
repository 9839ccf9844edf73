"""Fixtures that several files of tests share: records, a disk that fills up."""

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from petseg.files import write_json
from tests.helpers.disks import SMALL_DISK, mounted

# Who runs in the background may have to ignore Ctrl-C; what tests start must not inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)


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


@pytest.fixture
def uninstall(monkeypatch) -> Callable[[str], None]:
    """Makes every import of a package fail, also where it is installed and loaded already."""

    def hide(package: str) -> None:
        loaded = [name for name in sys.modules if name.startswith(f"{package}.")]
        for name in (package, *loaded):
            monkeypatch.setitem(sys.modules, name, None)

    return hide


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
