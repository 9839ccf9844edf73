"""A dataset's spec: derived values, JSON, and storage in a model."""

import json
import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petseg.core import dataset_spec
from petseg.core.dataset_spec import MAX_CLASSES, VOID, parse_spec
from petseg.core.errors import PetsegError
from tests.helpers.dataset_files import CELL_CLASSES
from tests.helpers.processes import run_python
from tests.helpers.specs import (
    CELLS,
    PAINTED,
    PETS,
    STREET,
    add_spec,
    numbered_classes,
    spec_content,
)

GROUND, CELL = CELL_CLASSES


@pytest.mark.parametrize("spec", [PETS, CELLS, STREET, PAINTED], ids=lambda spec: spec.name)
def test_spec_round_trips_through_json(spec):
    assert parse_spec(json.loads(json.dumps(spec.to_json())), "here") == spec


texts = st.text(st.characters(codec="utf-8"), max_size=8).map(lambda text: f"x{text.strip()}x")
texts = texts.filter(lambda text: "\n" not in text)


@st.composite
def contents(draw) -> dict:
    """Draws any valid spec, as in a YAML file."""
    class_names = draw(st.lists(texts, min_size=2, max_size=6, unique=True))
    if draw(st.booleans()):
        key, marks = "value", st.integers(0, 65_535)
    else:
        key, marks = "mask_colour", st.integers(0, 0xFFFFFF).map("#{:06x}".format)
    count = len(class_names)
    marks = draw(st.lists(marks, min_size=2 * count + 1, max_size=2 * count + 1, unique=True))
    classes = [
        {"name": name, key: marks[label] if label % 2 else [marks[label], marks[count + label]]}
        for label, name in enumerate(class_names)
    ]
    some = st.lists(st.sampled_from(class_names), min_size=1, max_size=3, unique=True)
    return {
        "name": draw(texts),
        "classes": classes,
        "void": draw(st.sampled_from([[], marks[-1], marks[-1:]])),
        "regions": draw(st.dictionaries(texts, some, max_size=3)),
        "cutout": draw(st.none() | st.sampled_from(class_names)),
        "soft_edge": draw(some),
        "groups": draw(st.lists(texts, max_size=3, unique=True)),
        "unlabelled_without": draw(some),
    }


@settings(deadline=None, max_examples=50)
@given(contents())
def test_any_spec_round_trips_with_distinct_labels(given_content):
    spec = parse_spec(given_content, "here")
    assert parse_spec(json.loads(json.dumps(spec.to_json())), "here") == spec
    count = len(given_content["classes"])
    assert spec.labels(spec.class_names) == tuple(range(count))
    assert spec.label_sets[:count] == tuple((label,) for label in range(count))
    for region, labels in zip(spec.regions, spec.label_sets[count:], strict=True):
        assert [spec.class_names[label] for label in labels] == list(spec.regions[region])


def test_single_value_needs_no_list():
    spec = parse_spec(spec_content(classes=[GROUND | {"value": [0, 7]}, CELL], void=3), "here")
    assert [one.value for one in spec.classes] == [(0, 7), (255,)] and spec.void == (3,)


def test_threshold_accepts_classes_in_any_order():
    for classes in ([GROUND, CELL], [CELL, GROUND]):
        assert parse_spec(spec_content(classes=classes, threshold=128), "here").threshold == 128


def test_region_labels_of_regions_and_classes():
    assert PETS.region_labels("border") == (2,)
    assert PETS.region_labels("pet") == (0, 2), "the region, not the class of the same name"
    assert PETS.label_sets == ((0,), (1,), (2,), (0, 2))
    assert CELLS.label_sets == ((0,), (1,))
    with pytest.raises(PetsegError) as caught:
        PETS.region_labels("dog")
    assert str(caught.value) == (
        "oxford_iiit_pet has no region or class 'dog'; it has pet, background, border"
    )


@pytest.mark.parametrize(
    ("changes", "region"),
    [
        ({}, None),
        ({"regions": {"b": ["cell"], "a": ["ground"]}}, "b"),
        ({"regions": {"b": ["cell"], "a": ["ground"]}, "cutout": "a"}, "a"),
        ({"cutout": "cell"}, "cell"),
    ],
)
def test_default_region_is_cutout_or_first_region(changes, region):
    assert parse_spec(spec_content(**changes), "here").default_region == region


def test_display_colour_defaults_to_mask_colour():
    assert PAINTED.colours == ("#0080ff", "#804000", "#00FFFF")
    assert PETS.colours == ("#E69F00", "#0072B2", "#000000")


def test_colours_of_150_classes_are_distinct():
    spec = parse_spec(spec_content(classes=numbered_classes(MAX_CLASSES)), "here")
    points = [tuple(bytes.fromhex(colour[1:])) for colour in spec.colours]
    assert len(set(points)) == MAX_CLASSES
    nearest = min(
        sum(abs(a - b) for a, b in zip(one, other, strict=True))
        for index, one in enumerate(points)
        for other in points[:index]
    )
    assert nearest >= 4
    assert max(spec.labels(spec.class_names)) < VOID


def test_model_with_other_classes_is_refused():
    needed = PETS.model_copy(update={"name": "generated_pets", "regions": {}})
    dataset_spec.require_same_classes(PETS, needed, "unet.keras", "train it again")
    with pytest.raises(PetsegError) as caught:
        dataset_spec.require_same_classes(STREET, PETS, "unet.keras", "train it again")
    assert str(caught.value) == (
        "unet.keras was trained for street (class 0, class 1, class 2, class 3, class 4, class 5 "
        "and 14 more), not for oxford_iiit_pet (pet, background, border); train it again"
    )


def test_classes_in_another_order_are_refused():
    turned = parse_spec(spec_content(classes=[CELL, GROUND]), "here")
    with pytest.raises(PetsegError, match=r"\(cell, ground\), not for cells \(ground, cell\)"):
        dataset_spec.require_same_classes(turned, CELLS, "unet.keras", "train it again")


def test_of_model_returns_spec_or_none(tmp_path):
    path = tmp_path / "model.keras"
    assert dataset_spec.of_model(path) is None, "no file"
    path.write_bytes(b"no zip archive")
    assert dataset_spec.of_model(path) is None
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", "{}")
    assert dataset_spec.of_model(path) is None, "as of another project"
    assert dataset_spec.of_model(add_spec(path, STREET)) == STREET


@pytest.mark.parametrize(
    "text", ["{}", "[1", "\N{SNOWMAN}", "\x00", '{"name": "cells", "classes": []}']
)
def test_damaged_spec_in_model_is_reported(tmp_path, text):
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(dataset_spec.SPEC_FILE, text)
    with pytest.raises(PetsegError, match=r"dataset\.json in .*model\.keras "):
        dataset_spec.of_model(path)


def test_import_does_not_load_tensorflow():
    modules = "petseg.core.dataset_spec, petseg.core.dataset_file"
    heavy = "{'tensorflow', 'keras', 'pandas', 'PIL'}"
    code = f"import sys, {modules}; assert not {heavy} & set(sys.modules)"
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
