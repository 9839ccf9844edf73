"""Downloads, copies or generates a dataset."""

import tempfile
from pathlib import Path

from petseg.core.dataset_file import DatasetFile, Folder, GeneratedPets, OxfordPets
from petseg.core.files import file_sha256
from petseg.core.paths import user_cache
from petseg.sources import folder, oxford_pets, raw
from petseg.sources.generated.dataset import write_dataset
from petseg.sources.inputs import OFFLINE_VARIABLE, fingerprint, offline_folder

FROM_TRAINING: dict[str, float | None] = {"validation": None}
"""The pets have no validation split: params.yaml gives the share of `train` to draw for it."""


def download_folder() -> Path:
    """Returns the folder of downloads, kept between runs."""
    return user_cache() / "downloads"


def bring(dataset: DatasetFile, target: Path) -> dict:
    """Writes a dataset, returns its provenance; raises PetsegError if unavailable or faulty."""
    return _SOURCES[type(dataset.source)](dataset, target)


def _bring_pets(dataset: DatasetFile, target: Path) -> dict:
    oxford_pets.require_groups(dataset.groups)
    offline = offline_folder()
    if offline:
        oxford_pets.prepare_from_folder(offline, target, download_folder())
        source: dict[str, object] = {
            "source": f"the offline copy that {OFFLINE_VARIABLE} named",
            "fingerprint": fingerprint(offline),
        }
    else:
        oxford_pets.prepare_from_network(target, download_folder())
        source = {"source": "network", "archives_sha256": oxford_pets.archives()}
    return source | _prepared(dataset, target)


def _draw_pets(dataset: DatasetFile, target: Path) -> dict:
    oxford_pets.require_groups(dataset.groups)
    pets = dataset.source
    assert isinstance(pets, GeneratedPets)
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as temporary:
        drawings = Path(temporary) / "drawings"
        write_dataset(
            drawings, train=pets.train, test=pets.test, image_size=pets.side, seed=pets.seed
        )
        oxford_pets.prepare_from_folder(drawings, target, download_folder())
    return {"source": f"drawn with seed {pets.seed}"} | _prepared(dataset, target)


def _prepared(dataset: DatasetFile, target: Path) -> dict:
    hashes = {
        path.relative_to(target).as_posix(): file_sha256(path)
        for path in sorted(target.rglob("*"))
        if path.is_file()
    }
    raw.describe(target, dataset, "tfds", FROM_TRAINING)
    return {
        "version": oxford_pets.VERSION,
        "examples": oxford_pets.counts(target),
        "files_sha256": hashes,
    }


_SOURCES = {OxfordPets: _bring_pets, GeneratedPets: _draw_pets, Folder: folder.bring}
