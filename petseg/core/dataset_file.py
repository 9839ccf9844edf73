"""datasets/NAME/dataset.yaml: a dataset's spec, and the source of its images and masks.

This module does not import TensorFlow, so a mistake in the file is reported within a second.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator

from petseg.core import yaml12
from petseg.core.dataset_spec import DatasetSpec, Name
from petseg.core.errors import PetsegError
from petseg.core.paths import dataset_file
from petseg.core.strict import Count, Listed, Section, Seed, TextOrShare, parse_section

MASK_KINDS = ("masks", "coco", "labelme")
"""The keys of a folder source that name masks or annotations."""

SPLIT = "{split}"
"""A placeholder in paths of a folder source, replaced by each split's text in `splits`."""


class OxfordPets(Section):
    """The Oxford-IIIT Pet dataset, downloaded or from the folder PETSEG_OFFLINE_DIR."""

    type: Literal["oxford_iiit_pet"]


class GeneratedPets(Section):
    """Drawn cats and dogs; see petseg/sources/generated."""

    type: Literal["generated_pets"]
    train: Count
    test: Count
    side: Annotated[int, Field(ge=32, le=4096)]
    seed: Seed


class Splits(Section):
    """For each split a text, or a share of the remaining examples.

    If a path of the source contains `{split}`, the text replaces it. Otherwise the text names a
    list file, with a name, or an image and its mask, on each line. `train` defaults to the examples
    of no other split, `validation` to the share in params.yaml.
    """

    train: str | None = None
    validation: TextOrShare = None
    test: TextOrShare


class Folder(Section):
    """A folder of images with masks or annotations of the same names.

    Paths are relative to `path`, which is relative to the folder of dataset.yaml. `images` and
    `masks` are folders or shell patterns. Without both, each line of the list files in `splits` has
    the paths of an image and its mask, and no folder is searched.
    """

    type: Literal["folder"]
    path: str = "."
    masks: str | None = None
    mask_suffix: str = ""
    coco: str | None = None
    labelme: str | None = None
    images: str | None = None
    unlabelled: Name | None = None
    groups_file: str | None = None
    splits: Splits

    @field_validator("path")
    @classmethod
    def _has_no_placeholder(cls, path: str) -> str:
        if SPLIT in path:
            raise ValueError(f"{SPLIT} belongs in images and masks")
        return path

    @field_validator("labelme")
    @classmethod
    def _is_the_only_kind_of_mask(cls, labelme: str | None, info: ValidationInfo) -> str | None:
        given = [info.data.get("masks"), info.data.get("coco"), labelme]
        if sum(one is not None for one in given) > 1:
            raise ValueError("one of masks, coco and labelme is needed, and only one")
        return labelme

    @field_validator("images")
    @classmethod
    def _have_masks(cls, images: str | None, info: ValidationInfo) -> str | None:
        valid = [info.data[kind] for kind in MASK_KINDS if kind in info.data]
        if images is None and any(valid):
            raise ValueError("missing")
        if images is not None and not any(valid) and len(valid) == len(MASK_KINDS):
            raise ValueError("one of masks, coco and labelme is needed, too")
        return images

    @field_validator("splits")
    @classmethod
    def _fit_the_paths(cls, splits: Splits, info: ValidationInfo) -> Splits:
        images = info.data.get("images", SPLIT)
        if images is None:
            if splits.train is None:
                raise ValueError("train needs a list file, as there are no images to take")
        elif SPLIT in images:
            if splits.train is None and "images" in info.data:
                raise ValueError(f"train needs the text that replaces {SPLIT}")
        elif others := [key for key in MASK_KINDS if SPLIT in (info.data.get(key) or "")]:
            raise ValueError(f"{SPLIT} is in {others[0]}, so images needs it, too")
        return splits

    model_config = Section.model_config | {"validate_default": True}

    @property
    def annotated(self) -> bool:
        """Whether masks are drawn from annotations."""
        return self.coco is not None or self.labelme is not None


class DatasetFile(DatasetSpec):
    """A dataset.yaml: spec and source."""

    source: Annotated[OxfordPets | GeneratedPets | Folder, Field(discriminator="type")]
    leave_out: Listed[str] = ()
    """Names of images with wrong masks, left out of training and validation."""
    _file: Path = PrivateAttr()

    @field_validator("source")
    @classmethod
    def _fits_the_classes(cls, source: Section, info: ValidationInfo) -> Section:
        if not isinstance(source, Folder) or not {"classes", "groups"} <= info.data.keys():
            return source
        known = (*(one.name for one in info.data["classes"]), "void")
        if source.annotated and source.unlabelled not in known:
            raise ValueError(
                "unlabelled needs the class of the pixels that no annotation covers, "
                f"one of {', '.join(known)}"
            )
        if bool(info.data["groups"]) != bool(source.groups_file):
            raise ValueError("groups needs groups_file, a CSV file, and groups_file needs groups")
        return source

    @property
    def file(self) -> Path:
        """The path of dataset.yaml itself."""
        return self._file

    @property
    def folder(self) -> Path:
        """The folder of dataset.yaml."""
        return self._file.parent

    def spec(self) -> DatasetSpec:
        """Returns the part that records and models contain."""
        return DatasetSpec(**{name: getattr(self, name) for name in DatasetSpec.model_fields})


def load_dataset(name: str) -> DatasetFile:
    """Returns the named dataset. Raises PetsegError if missing, or with all mistakes in it."""
    path = dataset_file(name)
    if not path.is_file():
        known = sorted(other.parent.name for other in path.parent.parent.glob("*/dataset.yaml"))
        raise PetsegError(
            f"dataset.name: {name} needs a file {path}; there are {', '.join(known) or 'none'}. "
            f"petseg inspect FOLDER --write {name} proposes one"
        )
    return parse_dataset(yaml12.read(path), name, path)


def parse_dataset(content: object, name: str, path: Path) -> DatasetFile:
    """Returns a DatasetFile from nested dicts, as if read from the file `path`."""
    if isinstance(content, dict):
        content = {"name": name} | content
    dataset = parse_section(DatasetFile, content, str(path))
    dataset._file = path
    return dataset
