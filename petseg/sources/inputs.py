"""Finds and checks inputs outside the project.

Does not import TensorFlow, so that a wrong path fails in a second, not a minute.
"""

import os
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from petseg.core.dataset_file import DatasetFile, Folder, OxfordPets
from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256, read_json
from petseg.core.optional import require_keras_hub
from petseg.core.params import MOBILENET_V2, Params, TrainUnet
from petseg.core.paths import PROVENANCE
from petseg.sources.listing import Listing, base_folder, find
from petseg.sources.mistakes import refuse

OFFLINE_VARIABLE = "PETSEG_OFFLINE_DIR"

PRESET_FILE = "config.json"
"""The file in every KerasHub preset folder."""

YAML_SHA256 = "dataset_yaml_sha256"
"""Provenance key of an image folder: the SHA-256 of its dataset.yaml."""


def offline_folder() -> Path | None:
    """Returns PETSEG_OFFLINE_DIR, or None if unset; raises PetsegError if it is not a folder."""
    value = os.environ.get(OFFLINE_VARIABLE)
    if not value:
        return None
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise PetsegError(f"{OFFLINE_VARIABLE} names {value}, which is not a folder{_why(folder)}")
    return folder.resolve()


def weights_file(encoder_weights: str) -> Path | None:
    """Returns the file that train_unet.encoder_weights names, or None for imagenet and none.

    Raises PetsegError if it is missing.
    """
    if encoder_weights in ("imagenet", "none"):
        return None
    path = Path(encoder_weights).expanduser()
    if not path.is_file():
        raise PetsegError(
            f"train_unet.encoder_weights: {encoder_weights} is neither imagenet, none, nor a file"
            f"{_why(path)}"
        )
    return path


def preset_folder(encoder: str) -> Path | None:
    """Returns the folder that train_unet.encoder names, or None to download the preset.

    The name is a path or in the offline copy. Raises PetsegError for a path without a preset.
    """
    path = Path(encoder).expanduser()
    if "://" not in encoder and len(path.parts) > 1:
        if not (path / PRESET_FILE).is_file():
            raise PetsegError(
                f"train_unet.encoder: {encoder} is not a folder with {PRESET_FILE}, as KerasHub's "
                f"save_to_preset writes it{_why(path)}"
            )
        return path
    folder = offline_folder()
    offline = folder and folder / encoder
    return offline if offline and (offline / PRESET_FILE).is_file() else None


def imagenet_name(alpha: float) -> str:
    """Returns the file name of ImageNet weights in an offline copy."""
    return f"mobilenet_v2_{alpha}_no_top.weights.h5"


def offline_weights(alpha: float) -> Path | None:
    """Returns the offline copy's ImageNet weights file, or None."""
    folder = offline_folder()
    path = folder and folder / imagenet_name(alpha)
    return path if path and path.is_file() else None


def require(params: Params, dataset: DatasetFile) -> None:
    """Raises PetsegError if params, dataset.yaml or environment name a missing input."""
    unet = params.train_unet
    weights_file(unet.encoder_weights)
    if unet.encoder != MOBILENET_V2:
        require_keras_hub(f"train_unet.encoder: {unet.encoder}")
        preset_folder(unet.encoder)
    if isinstance(dataset.source, OxfordPets) or unet.encoder_weights == "imagenet":
        offline_folder()
    if isinstance(dataset.source, Folder) and not (base := base_folder(dataset)).is_dir():
        raise PetsegError(
            f"{dataset.file}: source.path: {dataset.source.path} is not a folder{_why(base)}"
        )


def require_usable(dataset: DatasetFile) -> None:
    """Raises PetsegError with an image folder's mistakes that show without reading images."""
    if isinstance(dataset.source, Folder):
        refuse(dataset.file, find(dataset).mistakes)


def require_unchanged(params: Params, dataset: DatasetFile) -> None:
    """Raises PetsegError if inputs of data/raw changed that DVC does not track.

    These are environment variables, paths in parameters, and files outside the dataset's folder.
    DVC itself runs `download` for changed parameters or if data/raw is missing.
    """
    if not PROVENANCE.exists():
        return
    made = read_json(PROVENANCE)
    if made["dataset"]["name"] == dataset.name:
        _require_same_dataset(made["dataset"], dataset)
    unet, encoder = params.train_unet, made["encoder"]
    expected: dict[str, object] = {"encoder": unet.encoder, "weights": unet.encoder_weights}
    if unet.encoder == MOBILENET_V2:
        expected["alpha"] = unet.encoder_alpha
    if encoder.items() >= expected.items() and (path := encoder_source(unet)):
        now = preset_sha256(path) if path.is_dir() else file_sha256(path)
        _require_same(encoder.get("source_sha256"), now, path, _UNSET)


def encoder_source(unet: TrainUnet) -> Path | None:
    """Returns the encoder's weights file or preset folder, or None."""
    if unet.encoder != MOBILENET_V2:
        return preset_folder(unet.encoder)
    if unet.encoder_weights == "imagenet":
        return offline_weights(unet.encoder_alpha)
    return weights_file(unet.encoder_weights)


def preset_sha256(folder: Path) -> str:
    """Returns the hex SHA-256 of a preset's file names and contents."""
    digest = sha256()
    for path in sorted(folder.glob("*.*")):
        digest.update(f"{path.name}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def fingerprint(folder: Path) -> str:
    """Returns the hex SHA-256 of the relative names and sizes of an offline copy's files.

    Does not read the files, as there are thousands.
    """
    parts = (folder / "images", folder / "annotations")
    return _fingerprint(folder, [path for part in parts for path in part.rglob("*")])


def folder_fingerprint(dataset: DatasetFile, found: Listing) -> str | None:
    """Returns a folder source's `fingerprint`, or None if all files are beside dataset.yaml.

    DVC tracks those.
    """
    files = [path for row in found.rows for path in (row.image, row.mask.path)] + found.tables
    if not any(os.path.relpath(path, dataset.folder).startswith(os.pardir) for path in files):
        return None
    return _fingerprint(base_folder(dataset), files)


def _fingerprint(folder: Path, files: Iterable[Path]) -> str:
    digest = sha256()
    for path in sorted(set(files)):
        if path.is_file():
            name = Path(os.path.relpath(path, folder)).as_posix()
            digest.update(f"{name}\0{path.stat().st_size}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _require_same_dataset(made: dict, dataset: DatasetFile) -> None:
    source = dataset.source
    if isinstance(source, OxfordPets) and (folder := offline_folder()):
        _require_same(made.get("fingerprint"), fingerprint(folder), folder, _UNSET)
    if isinstance(source, Folder) and made.get(YAML_SHA256) == file_sha256(dataset.file):
        now = folder_fingerprint(dataset, find(dataset))
        _require_same(made.get("fingerprint"), now, base_folder(dataset))


_UNSET = f", or unset {OFFLINE_VARIABLE}"


def _require_same(made: str | None, now: str | None, path: Path, way_out: str = "") -> None:
    if made != now:
        raise PetsegError(
            f"data/raw was made from another version of {path}. To use the current version, run\n"
            "  dvc repro --force --single-item download\n"
            f"To keep data/raw, restore the earlier version{way_out}"
        )


def _why(path: Path) -> str:
    """Explains why a relative path may be missing."""
    if path.is_absolute():
        return ""
    return (
        f" ({path.absolute()}). A relative path starts at the folder where the command runs, and "
        "`dvc exp run --temp` and `--queue` run in a copy of the project with only the files that "
        "Git tracks: use an absolute path"
    )
