"""The specs of datasets of several kinds: their classes, without images."""

import json
import zipfile
from pathlib import Path

from petseg.core.dataset_spec import SPEC_FILE, DatasetSpec, parse_spec
from tests.helpers import dataset_files


def shipped_spec(name: str) -> DatasetSpec:
    """Returns the spec of a dataset of this project, whatever the working folder."""
    return dataset_files.shipped(name).spec()


def numbered_classes(count: int) -> list[dict]:
    """Returns the section `classes` with values from 0."""
    return [{"name": f"class {label}", "value": label} for label in range(count)]


def spec_content(**changes) -> dict:
    """Returns the content of a spec with two classes."""
    return {"name": "cells", "classes": dataset_files.CELL_CLASSES} | changes


PETS = shipped_spec("oxford_iiit_pet")

CELLS = parse_spec(spec_content(void=128), "cells")
"""Two classes and void; no regions, no groups."""

STREET = parse_spec(
    {
        "name": "street",
        "classes": [{"name": f"class {label}", "value": 1000 * label} for label in range(20)],
        "void": 65_535,
        "regions": {"even": [f"class {label}" for label in range(0, 20, 2)], "one": ["class 1"]},
        "groups": ["city"],
    },
    "street",
)
"""20 classes, most of them with 16-bit values; two regions, one group column."""

PAINTED = parse_spec(
    {
        "name": "painted",
        "classes": [
            {"name": "sky", "mask_colour": "#0080ff"},
            {"name": "ground", "mask_colour": ["#804000", "#008000"]},
            {"name": "house, shed or other one", "mask_colour": "#ff0000", "colour": "#00FFFF"},
        ],
        "void": "#000000",
        "regions": {"house": ["house, shed or other one"]},
    },
    "painted",
)
"""RGB masks: one class has two mask colours, another is displayed in a third colour."""


def add_spec(model: Path, spec: DatasetSpec) -> Path:
    """Adds a spec to a .keras file, as a trained model has one; returns the path."""
    with zipfile.ZipFile(model, "a") as archive:
        archive.writestr(SPEC_FILE, json.dumps(spec.to_json()))
    return model
