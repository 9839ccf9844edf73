"""What the pipeline takes from outside the project: an offline copy, a file of encoder weights.

Nothing here imports TensorFlow, so that a wrong path costs a second and not a minute.
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
"""What every folder of a KerasHub preset holds."""

YAML_SHA256 = "dataset_yaml_sha256"
"""In the provenance of a folder's images: the dataset.yaml that they were brought by."""


def offline_folder() -> Path | None:
    """The folder that PETSEG_OFFLINE_DIR names, or None; PetsegError where it is no folder."""
    value = os.environ.get(OFFLINE_VARIABLE)
    if not value:
        return None
    folder = Path(value).expanduser()
    if not folder.is_dir():
        raise PetsegError(f"{OFFLINE_VARIABLE} names {value}, which is not a folder{_why(folder)}")
    return folder.resolve()


def weights_file(encoder_weights: str) -> Path | None:
    """The file that train_unet.encoder_weights names, or None for imagenet and none.

    PetsegError where there is no such file.
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
    """The folder with the preset that train_unet.encoder names, or None for one to be downloaded.

    A path names the folder; the offline copy may hold one by the preset's name. PetsegError where
    a path leads to no preset.
    """
    path = Path(encoder).expanduser()
    if "://" not in encoder and len(path.parts) > 1:
        if not (path / PRESET_FILE).is_file():
            raise PetsegError(
                f"train_unet.encoder: {encoder} is not a folder with {PRESET_FILE}, as KerasHub's "
                f"save_to_preset leaves it{_why(path)}"
            )
        return path
    folder = offline_folder()
    offline = folder and folder / encoder
    return offline if offline and (offline / PRESET_FILE).is_file() else None


def imagenet_name(alpha: float) -> str:
    """The name of the file with ImageNet weights in an offline copy."""
    return f"mobilenet_v2_{alpha}_no_top.weights.h5"


def offline_weights(alpha: float) -> Path | None:
    """The ImageNet weights in the offline copy, or None where it has none."""
    folder = offline_folder()
    path = folder and folder / imagenet_name(alpha)
    return path if path and path.is_file() else None


def require(params: Params, dataset: DatasetFile) -> None:
    """PetsegError where an input that params, dataset.yaml or the environment name is missing."""
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
    """PetsegError with all mistakes of a folder of images that show without reading them."""
    if isinstance(dataset.source, Folder):
        refuse(dataset.file, find(dataset).mistakes)


def require_unchanged(params: Params, dataset: DatasetFile) -> None:
    """PetsegError where data/raw was made from other inputs than those that are there now.

    DVC cannot see this: it knows neither the environment nor what a path in a parameter or outside
    the dataset's folder leads to. Where data/raw is missing, or was made with other parameters, DVC
    runs `download` by itself.
    """
    if not PROVENANCE.exists():
        return
    made = read_json(PROVENANCE)
    if made["dataset"]["name"] == dataset.name:
        _require_same_dataset(made["dataset"], dataset)
    unet, encoder = params.train_unet, made["encoder"]
    wanted: dict[str, object] = {"encoder": unet.encoder, "weights": unet.encoder_weights}
    if unet.encoder == MOBILENET_V2:
        wanted["alpha"] = unet.encoder_alpha
    if encoder.items() >= wanted.items() and (path := encoder_source(unet)):
        now = preset_sha256(path) if path.is_dir() else file_sha256(path)
        _require_same(encoder.get("source_sha256"), now, path, _UNSET)


def encoder_source(unet: TrainUnet) -> Path | None:
    """What the encoder is read from: a file of weights, or a preset's folder; None for neither."""
    if unet.encoder != MOBILENET_V2:
        return preset_folder(unet.encoder)
    if unet.encoder_weights == "imagenet":
        return offline_weights(unet.encoder_alpha)
    return weights_file(unet.encoder_weights)


def preset_sha256(folder: Path) -> str:
    """A SHA-256, in hexadecimal, of the names and the content of a preset's files."""
    digest = sha256()
    for path in sorted(folder.glob("*.*")):
        digest.update(f"{path.name}\0{file_sha256(path)}\n".encode())
    return digest.hexdigest()


def fingerprint(folder: Path) -> str:
    """A SHA-256, in hexadecimal, of the names and sizes of all files in an offline copy's folders.

    It is the same wherever the copy lies, and does not read the files: there are thousands.
    """
    parts = (folder / "images", folder / "annotations")
    return _fingerprint(folder, [path for part in parts for path in part.rglob("*")])


def folder_fingerprint(dataset: DatasetFile, found: Listing) -> str | None:
    """As `fingerprint`, of all files of a folder source; None where all lie beside dataset.yaml.

    DVC sees those, and what changes in them.
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
            f"data/raw was not made from {path} as it is now. Bring the new one with\n"
            "  dvc repro --force --single-item download\n"
            f"or, to keep data/raw, restore what was there{way_out}"
        )


def _why(path: Path) -> str:
    """The full path of a relative one that leads nowhere, and why it may."""
    if path.is_absolute():
        return ""
    return (
        f" ({path.absolute()}). A relative path starts from the folder in which the command runs, "
        "and `dvc exp run --temp` and `--queue` run in a copy of the project that holds only what "
        "Git tracks: give the absolute path"
    )
