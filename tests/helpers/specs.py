"""Datasets of several kinds, as `DatasetSpec`s: their classes, and no images."""

import json
import zipfile
from pathlib import Path

from petseg.core import yaml12
from petseg.core.dataset_file import parse_dataset
from petseg.core.dataset_spec import SPEC_FILE, DatasetSpec, parse_spec
from petseg.core.paths import dataset_file
from tests.helpers import ROOT


def shipped(name: str) -> DatasetSpec:
    """The spec of a dataset of this project, from whatever folder a test runs in."""
    path = ROOT / dataset_file(name)
    return parse_dataset(yaml12.read(path), name, path).spec()


PETS = shipped("oxford_iiit_pet")

CELLS = parse_spec(
    {
        "name": "cells",
        "classes": [{"name": "ground", "value": 0}, {"name": "cell", "value": 255}],
        "void": 128,
    },
    "cells",
)
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
"""20 classes, most of whose values need masks of 16 bits; two regions, one group column."""

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
"""Masks of RGB colours, of which one class has two, and another class is shown in a third one."""


def add_spec(model: Path, spec: DatasetSpec) -> Path:
    """Has a .keras file carry a spec, as a trained model does; returns its path."""
    with zipfile.ZipFile(model, "a") as archive:
        archive.writestr(SPEC_FILE, json.dumps(spec.to_json()))
    return model
