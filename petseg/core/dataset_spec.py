"""What a dataset's classes are: the one place from which every room takes names, values, colours.

`datasets/NAME/dataset.yaml` holds it with the dataset's source (see petseg/core/dataset_file.py).
`preprocess` writes it into the manifest, and every trained or exported model carries it.
"""

import json
import re
import zipfile
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from petseg.core.colours import colour_of
from petseg.core.errors import PetsegError
from petseg.core.strict import Section, listed, one_or_more, parse_section, shown

VOID = 255
"""The label of pixels that are never counted: in no loss, no score and no class weight."""

MAX_CLASSES = 150

RESERVED_COLUMNS = ("name", "split", "shard", "offset", "length")
"""What tables of examples have beside a column for each group."""

SPEC_FILE = "dataset.json"
"""The name of a spec inside a network's file, or beside it."""
ASSETS = "assets.extra"
"""The folder of a SavedModel for what TensorFlow leaves alone."""

_COLOUR = "^#[0-9a-fA-F]{6}$"

Name = Annotated[str, Field(pattern=r"^\S(.*\S)?$", max_length=100)]
Colour = Annotated[str, Field(pattern=_COLOUR)]
MaskValue = Annotated[int, Field(ge=0, le=65_535)]


class ClassSpec(Section):
    """A class: its name, what stands for it in the masks, and its colour in figures."""

    name: Name
    value: one_or_more(MaskValue) = ()
    mask_colour: one_or_more(Colour) = ()
    colour: Colour | None = None


class DatasetSpec(Section):
    """The classes of a dataset in the order of their labels, and what is known of them."""

    name: Name
    classes: listed(ClassSpec)
    void: one_or_more(Any) = ()
    threshold: Annotated[int, Field(ge=1, le=255)] | None = None
    regions: dict[Name, listed(Name)] = Field({})
    cutout: Name | None = None
    soft_edge: listed(Name) = ()
    groups: listed(Name) = ()
    unlabelled_without: listed(Name) = ()

    @field_validator("classes")
    @classmethod
    def _are_told_apart(cls, classes: tuple) -> tuple:
        if not 2 <= len(classes) <= MAX_CLASSES:
            raise ValueError(f"{len(classes)} classes; 2 to {MAX_CLASSES} are needed")
        keys = {bool(one.value) for one in classes}
        for one in classes:
            if bool(one.value) == bool(one.mask_colour):
                raise ValueError(f"{one.name} needs either value or mask_colour")
        if len(keys) > 1:
            raise ValueError("all classes need value, or all need mask_colour")
        names = [one.name for one in classes]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"the name {', '.join(twice)} is duplicated")
        marks = [(mark, one.name) for one in classes for mark in _marks(one)]
        _refuse_twice("value" if keys == {True} else "mask_colour", marks)
        return classes

    @field_validator("void")
    @classmethod
    def _is_no_class(cls, void: tuple, info: ValidationInfo) -> tuple:
        classes = info.data.get("classes", ())
        void = tuple(map(_void_mark, void))
        taken = {mark: one.name for one in classes for mark in _marks(one)}
        for mark in void:
            if mark in taken:
                raise ValueError(f"{mark} is the class {taken[mark]}")
        coloured = any(one.mask_colour for one in classes)
        if classes and any(isinstance(mark, str) != coloured for mark in void):
            raise ValueError("void needs colours where the classes have mask_colour, else values")
        return void

    @field_validator("threshold")
    @classmethod
    def _makes_two_values(cls, threshold: int | None, info: ValidationInfo) -> int | None:
        values = {v for one in info.data.get("classes", ()) for v in one.value}
        if threshold is not None and values != {0, 255}:
            raise ValueError(
                "with a threshold, a mask's values become 0 (below it) and 255: "
                "the classes need these two values"
            )
        return threshold

    @field_validator("regions")
    @classmethod
    def _hold_classes(cls, regions: dict, info: ValidationInfo) -> dict:
        for region, names in regions.items():
            _require_classes(names, info, f"{region} holds ")
            if not names:
                raise ValueError(f"{region} holds no class")
        return regions

    @field_validator("groups")
    @classmethod
    def _are_columns(cls, groups: tuple) -> tuple:
        if taken := set(groups) & set(RESERVED_COLUMNS):
            raise ValueError(f"{', '.join(sorted(taken))} is a column of the records already")
        if len(set(groups)) < len(groups):
            raise ValueError("a group is duplicated")
        return groups

    @field_validator("soft_edge", "unlabelled_without")
    @classmethod
    def _are_classes(cls, names: tuple, info: ValidationInfo) -> tuple:
        _require_classes(names, info)
        return names

    @field_validator("cutout")
    @classmethod
    def _is_a_region(cls, cutout: str | None, info: ValidationInfo) -> str | None:
        if cutout is not None and cutout not in info.data.get("regions", {}):
            _require_classes([cutout], info, "", " and no region")
        return cutout

    @cached_property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes; a class's label is its index."""
        return tuple(one.name for one in self.classes)

    @cached_property
    def colours(self) -> tuple[str, ...]:
        """The display colour of each class: its own, that of its masks, or one of a list."""
        return tuple(
            one.colour or next(iter(one.mask_colour), None) or colour_of(label)
            for label, one in enumerate(self.classes)
        )

    @property
    def default_region(self) -> str | None:
        """The region that is cut out where nobody names one: `cutout`, or the first region."""
        return self.cutout or next(iter(self.regions), None)

    def labels(self, names) -> tuple[int, ...]:
        """The labels of classes, by their names."""
        return tuple(self.class_names.index(name) for name in names)

    def region_labels(self, region: str) -> tuple[int, ...]:
        """The labels in a region; a class is a region, too, where no region has its name.

        PetsegError for an unknown name.
        """
        names = self.regions.get(region, (region,))
        if not set(names) <= set(self.class_names):
            known = ", ".join(dict.fromkeys([*self.regions, *self.class_names]))
            raise PetsegError(f"{self.name} has no region or class {region!r}; it has {known}")
        return self.labels(names)

    @cached_property
    def label_sets(self) -> tuple[tuple[int, ...], ...]:
        """The labels of everything that is scored: each class by itself, then each region."""
        alone = tuple((label,) for label in range(len(self.classes)))
        return (*alone, *map(self.region_labels, self.regions))

    def to_json(self) -> dict:
        """What `parse_spec` reads."""
        return self.model_dump(mode="json")


def parse_spec(content: object, source: str) -> DatasetSpec:
    """A spec from what `to_json` gave; PetsegError, which names `source`, for anything else."""
    return parse_section(DatasetSpec, content, source)


def of_model(path: Path) -> DatasetSpec | None:
    """The spec that a network carries, or that lies beside it; None where there is neither.

    In a ZIP archive (.keras, at the end of .tflite) or a folder's ASSETS. PetsegError if damaged.
    """
    try:
        source = f"{SPEC_FILE} in {path}"
        of_file = zipfile.Path(path, SPEC_FILE) if path.is_file() else path / ASSETS / SPEC_FILE
        text = of_file.read_bytes()
    except (KeyError, OSError, zipfile.BadZipFile):
        beside = path.parent / SPEC_FILE
        if not beside.is_file():
            return None
        text, source = beside.read_bytes(), str(beside)
    return of_text(text, source)


def of_text(text: str | bytes, source: str) -> DatasetSpec:
    """A spec from JSON; PetsegError, which names `source`, where it is damaged."""
    try:
        return parse_spec(json.loads(text), source)
    except ValueError as error:
        raise PetsegError(f"{source} is damaged: {error}") from None


def require_same_classes(found: DatasetSpec, needed: DatasetSpec, what: str, mend: str) -> None:
    """PetsegError where two specs do not give the same labels to the same classes."""
    if found.class_names != needed.class_names:
        raise PetsegError(
            f"{what} was trained for {found.name} ({_shortened(found.class_names)}), "
            f"not for {needed.name} ({_shortened(needed.class_names)}); {mend}"
        )


def _shortened(names: tuple[str, ...]) -> str:
    return ", ".join(names[:6]) + f" and {len(names) - 6} more" * (len(names) > 6)


def _void_mark(mark: object) -> int | str:
    if type(mark) is int and 0 <= mark <= 65_535:
        return mark
    if isinstance(mark, str) and re.fullmatch(_COLOUR, mark):
        return mark.lower()
    raise ValueError(f"{shown(mark)} should be a mask value, 0 to 65535, or a colour as '#ff0000'")


def _marks(one: ClassSpec) -> tuple:
    return one.value or tuple(colour.lower() for colour in one.mask_colour)


def _refuse_twice(what: str, pairs: list[tuple]) -> None:
    seen: dict = {}
    for mark, name in pairs:
        if mark in seen:
            both = seen[mark] if seen[mark] == name else f"{seen[mark]} and {name}"
            raise ValueError(f"the {what} {mark} is duplicated, in {both}")
        seen[mark] = name


def _require_classes(names, info: ValidationInfo, before: str = "", after: str = "") -> None:
    known = [one.name for one in info.data.get("classes", ())]
    unknown = [name for name in names if known and name not in known]
    if unknown:
        raise ValueError(f"{before}{', '.join(unknown)}, which is no class{after}")
