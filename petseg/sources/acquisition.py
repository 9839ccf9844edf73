"""Bringing the dataset to disk: from the network, from an offline copy, or by drawing it."""

import tempfile
from pathlib import Path

from petseg.core.files import file_sha256
from petseg.core.paths import user_cache
from petseg.sources import oxford_pets
from petseg.sources.generated.dataset import write_dataset
from petseg.sources.inputs import OFFLINE_VARIABLE, fingerprint, offline_folder


def download_folder() -> Path:
    """Where downloads stay from run to run."""
    return user_cache() / "downloads"


def bring_dataset(data_dir: Path) -> dict:
    """Prepares the Oxford-IIIT Pet dataset in `data_dir`; returns where it came from.

    PetsegError where it is neither on the network nor in an offline copy.
    """
    offline = offline_folder()
    if offline:
        oxford_pets.prepare_from_folder(offline, data_dir, download_folder())
        source = {
            "source": f"the offline copy that {OFFLINE_VARIABLE} named",
            "offline_copy": fingerprint(offline),
        }
    else:
        oxford_pets.prepare_from_network(data_dir, download_folder())
        source = {"source": "network", "archives_sha256": oxford_pets.archives()}
    return source | _prepared(data_dir)


def draw_dataset(data_dir: Path, *, train: int, test: int, image_size: int, seed: int) -> dict:
    """Draws pets and prepares them in `data_dir` as if they were the dataset; tells so."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=data_dir.parent) as folder:
        drawings = Path(folder) / "drawings"
        write_dataset(drawings, train=train, test=test, image_size=image_size, seed=seed)
        oxford_pets.prepare_from_folder(drawings, data_dir, download_folder())
    return {"source": f"drawn with seed {seed}"} | _prepared(data_dir)


def _prepared(data_dir: Path) -> dict:
    return {
        "version": oxford_pets.VERSION,
        "examples": oxford_pets.counts(data_dir),
        "files_sha256": {
            path.relative_to(data_dir).as_posix(): file_sha256(path)
            for path in sorted(data_dir.rglob("*"))
            if path.is_file()
        },
    }
