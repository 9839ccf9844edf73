"""The spec of a dataset: its classes, their mask values and colours, regions and groups.

It is `datasets/NAME/dataset.yaml` without the source (see petseg/core/dataset_file.py).
`preprocess` copies it into the manifest, and every trained or exported model contains it.
"""

import json
import re
import zipfile
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationInfo, field_validator

from petseg.core.colours import colour_of
from petseg.core.errors import PetsegError
from petseg.core.strict import Listed, OneOrMore, Section, parse_section, shown

VOID = 255
"""The label of pixels that no loss, score or class weight counts."""

MAX_CLASSES = 150

RESERVED_COLUMNS = ("name", "split", "shard", "offset", "length")
"""The columns of a table of examples, without the group columns."""

SPEC_FILE = "dataset.json"
"""The spec inside a model file, or next to it."""
ASSETS = "assets.extra"
"""The folder of a SavedModel whose files TensorFlow ignores."""

_COLOUR = "^#[0-9a-fA-F]{6}$"

Name = Annotated[str, Field(pattern=r"^\S(.*\S)?$", max_length=100)]
Colour = Annotated[str, Field(pattern=_COLOUR)]
MaskValue = Annotated[int, Field(ge=0, le=65_535)]
Names = tuple[str, ...]
Regions = dict[Name, Listed[Name]]


class ClassSpec(Section):
    """A class: its name, its values or colours in the masks, and its colour in figures."""

    name: Name
    value: OneOrMore[MaskValue] = ()
    mask_colour: OneOrMore[Colour] = ()
    colour: Colour | None = None


class DatasetSpec(Section):
    """The classes of a dataset in the order of their labels, with regions and groups."""

    name: Name
    classes: Listed[ClassSpec]
    void: OneOrMore[Any] = ()
    threshold: Annotated[int, Field(ge=1, le=255)] | None = None
    regions: Regions = Field({})
    cutout: Name | None = None
    soft_edge: Listed[Name] = ()
    groups: Listed[Name] = ()
    unlabelled_without: Listed[Name] = ()

    @field_validator("classes")
    @classmethod
    def _are_distinct(cls, classes: tuple[ClassSpec, ...]) -> tuple[ClassSpec, ...]:
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
        _refuse_duplicates("value" if keys == {True} else "mask_colour", marks)
        return classes

    @field_validator("void")
    @classmethod
    def _is_no_class(cls, void: tuple[object, ...], info: ValidationInfo) -> tuple[int | str, ...]:
        classes = info.data.get("classes", ())
        marks = tuple(map(_void_mark, void))
        taken = {mark: one.name for one in classes for mark in _marks(one)}
        for mark in marks:
            if mark in taken:
                raise ValueError(f"{mark} is the class {taken[mark]}")
        coloured = any(one.mask_colour for one in classes)
        if classes and any(isinstance(mark, str) != coloured for mark in marks):
            raise ValueError("void needs colours where the classes have mask_colour, else values")
        return marks

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
    def _hold_classes(cls, regions: Regions, info: ValidationInfo) -> Regions:
        for region, names in regions.items():
            _require_classes(names, info, f"{region} holds ")
            if not names:
                raise ValueError(f"{region} holds no class")
        return regions

    @field_validator("groups")
    @classmethod
    def _are_columns(cls, groups: Names) -> Names:
        if taken := set(groups) & set(RESERVED_COLUMNS):
            raise ValueError(f"{', '.join(sorted(taken))} is a column of the records already")
        if len(set(groups)) < len(groups):
            raise ValueError("a group is duplicated")
        return groups

    @field_validator("soft_edge", "unlabelled_without")
    @classmethod
    def _are_classes(cls, names: Names, info: ValidationInfo) -> Names:
        _require_classes(names, info)
        return names

    @field_validator("cutout")
    @classmethod
    def _is_a_region(cls, cutout: str | None, info: ValidationInfo) -> str | None:
        if cutout is not None and cutout not in info.data.get("regions", {}):
            _require_classes((cutout,), info, "", " and no region")
        return cutout

    @cached_property
    def class_names(self) -> Names:
        """The names of the classes. The index of a class is its label."""
        return tuple(one.name for one in self.classes)

    @cached_property
    def colours(self) -> Names:
        """The display colour of each class: `colour`, else its mask colour, else `colour_of`."""
        return tuple(
            one.colour or next(iter(one.mask_colour), None) or colour_of(label)
            for label, one in enumerate(self.classes)
        )

    @property
    def default_region(self) -> str | None:
        """The region to cut out by default: `cutout`, else the first region."""
        return self.cutout or next(iter(self.regions), None)

    def labels(self, names: Iterable[str]) -> tuple[int, ...]:
        """Returns the labels of the named classes."""
        return tuple(self.class_names.index(name) for name in names)

    def region_labels(self, region: str) -> tuple[int, ...]:
        """Returns the labels of a region, or of a class where no region has that name.

        Raises PetsegError for an unknown name.
        """
        names = self.regions.get(region, (region,))
        if not set(names) <= set(self.class_names):
            known = ", ".join(dict.fromkeys([*self.regions, *self.class_names]))
            raise PetsegError(f"{self.name} has no region or class {region!r}; it has {known}")
        return self.labels(names)

    @cached_property
    def label_sets(self) -> tuple[tuple[int, ...], ...]:
        """The sets of labels to score: each class, then each region."""
        alone = tuple((label,) for label in range(len(self.classes)))
        return (*alone, *map(self.region_labels, self.regions))

    def to_json(self) -> dict[str, Any]:
        """Returns the spec as `parse_spec` reads it."""
        return self.model_dump(mode="json")


def parse_spec(content: object, source: str) -> DatasetSpec:
    """Returns the spec from the output of `to_json`. Raises PetsegError, naming `source`."""
    return parse_section(DatasetSpec, content, source)


def of_model(path: Path) -> DatasetSpec | None:
    """Returns the spec inside a model or next to it, or None. Raises PetsegError if damaged.

    Looks in the ZIP archive (.keras, at the end of .tflite) or in the folder ASSETS first.
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
    """Returns the spec from JSON. Raises PetsegError, naming `source`, if it is damaged."""
    try:
        return parse_spec(json.loads(text), source)
    except ValueError as error:
        raise PetsegError(f"{source} is damaged: {error}") from None


def require_same_classes(found: DatasetSpec, needed: DatasetSpec, what: str, fix: str) -> None:
    """Raises PetsegError unless both specs give the same labels to the same classes."""
    if found.class_names != needed.class_names:
        raise PetsegError(
            f"{what} was trained for {found.name} ({_shortened(found.class_names)}), "
            f"not for {needed.name} ({_shortened(needed.class_names)}); {fix}"
        )


def _shortened(names: Names) -> str:
    return ", ".join(names[:6]) + f" and {len(names) - 6} more" * (len(names) > 6)


def _void_mark(mark: object) -> int | str:
    if type(mark) is int and 0 <= mark <= 65_535:
        return mark
    if isinstance(mark, str) and re.fullmatch(_COLOUR, mark):
        return mark.lower()
    raise ValueError(f"{shown(mark)} should be a mask value, 0 to 65535, or a colour as '#ff0000'")


def _marks(one: ClassSpec) -> tuple[int | str, ...]:
    return one.value or tuple(colour.lower() for colour in one.mask_colour)


def _refuse_duplicates(what: str, pairs: Iterable[tuple[int | str, str]]) -> None:
    seen: dict[int | str, str] = {}
    for mark, name in pairs:
        if mark in seen:
            both = seen[mark] if seen[mark] == name else f"{seen[mark]} and {name}"
            raise ValueError(f"the {what} {mark} is duplicated, in {both}")
        seen[mark] = name


def _require_classes(names: Names, info: ValidationInfo, before: str = "", after: str = "") -> None:
    known = [one.name for one in info.data.get("classes", ())]
    if unknown := [name for name in names if known and name not in known]:
        raise ValueError(f"{before}{', '.join(unknown)}, which is no class{after}")
