"""All mistakes in a dataset's spec are reported in one message."""

import pytest

from petseg.core.dataset_spec import parse_spec
from petseg.core.errors import PetsegError
from tests.helpers.dataset_files import CELL_CLASSES
from tests.helpers.errors import mistakes_in
from tests.helpers.specs import numbered_classes, spec_content

GROUND, CELL = CELL_CLASSES
RED, BLUE = {"name": "a", "mask_colour": "#ff0000"}, {"name": "b", "mask_colour": "#0000FF"}


def mistakes(**changes) -> list[str]:
    return mistakes_in("here", lambda: parse_spec(spec_content(**changes), "here"))


WRONG = {
    "no class": ({"classes": []}, "classes: 0 classes; 2 to 150 are needed"),
    "one class": ({"classes": [CELL]}, "classes: 1 classes; 2 to 150 are needed"),
    "151 classes": (
        {"classes": numbered_classes(151)},
        "classes: 151 classes; 2 to 150 are needed",
    ),
    "neither value nor colour": (
        {"classes": [GROUND, {"name": "cell"}]},
        "classes: cell needs either value or mask_colour",
    ),
    "both value and colour": (
        {"classes": [GROUND, CELL | {"mask_colour": "#ff0000"}]},
        "classes: cell needs either value or mask_colour",
    ),
    "values and colours": (
        {"classes": [GROUND, RED]},
        "classes: all classes need value, or all need mask_colour",
    ),
    "a name twice": (
        {"classes": [GROUND, CELL, GROUND | {"value": 7}]},
        "classes: the name ground is duplicated",
    ),
    "a value twice": (
        {"classes": [GROUND, CELL | {"value": [255, 0]}]},
        "classes: the value 0 is duplicated, in ground and cell",
    ),
    "a value twice in a class": (
        {"classes": [GROUND, CELL | {"value": [255, 255]}]},
        "classes: the value 255 is duplicated, in cell",
    ),
    "a colour twice, in other letters": (
        {"classes": [RED, BLUE | {"mask_colour": "#FF0000"}]},
        "classes: the mask_colour #ff0000 is duplicated, in a and b",
    ),
    "a value of more than 16 bits": (
        {"classes": [GROUND, CELL | {"value": 65_536}]},
        "classes[1].value[0]: 65536 should be less than or equal to 65535",
    ),
    "a negative value": (
        {"classes": [GROUND | {"value": -1}, CELL]},
        "classes[0].value[0]: -1 should be greater than or equal to 0",
    ),
    "a value that is no whole number": (
        {"classes": [GROUND, CELL | {"value": [1, 2.5]}]},
        "classes[1].value[1]: 2.5 should be a whole number",
    ),
    "a value that is true": (
        {"classes": [GROUND, CELL | {"value": True}]},
        "classes[1].value[0]: True should be a whole number",
    ),
    "a mask colour by its name": (
        {"classes": [RED, BLUE | {"mask_colour": "blue"}]},
        "classes[1].mask_colour[0]: 'blue' should match pattern '^#[0-9a-fA-F]{6}$'",
    ),
    "a colour with a line break": (
        {"classes": [GROUND, CELL | {"colour": "#00ff00\n"}]},
        "classes[1].colour: '#00ff00\\n' should match pattern '^#[0-9a-fA-F]{6}$'",
    ),
    "a short colour": (
        {"classes": [GROUND, CELL | {"colour": "#0f0"}]},
        "classes[1].colour: '#0f0' should match pattern '^#[0-9a-fA-F]{6}$'",
    ),
    "an empty name": (
        {"classes": [GROUND, CELL | {"name": ""}]},
        "classes[1].name: '' should match pattern '^\\S(.*\\S)?$'",
    ),
    "a name with a space around it": (
        {"classes": [GROUND, CELL | {"name": "cell "}]},
        "classes[1].name: 'cell ' should match pattern '^\\S(.*\\S)?$'",
    ),
    "a name of two lines": (
        {"classes": [GROUND, CELL | {"name": "a\nb"}]},
        "classes[1].name: 'a\\nb' should match pattern '^\\S(.*\\S)?$'",
    ),
    "a name that is a number": (
        {"classes": [GROUND, CELL | {"name": 1}]},
        "classes[1].name: 1 should be a text",
    ),
    "a long name": (
        {"classes": [GROUND, CELL | {"name": "x" * 101}]},
        f"classes[1].name: {'x' * 101!r} should have at most 100 characters",
    ),
    "an unknown key of a class": (
        {"classes": [GROUND, CELL | {"color": "#00ff00"}]},
        "classes[1].color: unknown key",
    ),
    "classes by name": (
        {"classes": {"ground": 0, "cell": 255}},
        "classes: {'cell': 255, 'ground': 0} should be a list",
    ),
    "void that is a class": ({"void": [128, 255]}, "void: 255 is the class cell"),
    "void that is a class's colour": (
        {"classes": [RED, BLUE], "void": "#0000ff"},
        "void: #0000ff is the class b",
    ),
    "a void colour among values": (
        {"void": [128, "#ff0000"]},
        "void: void needs colours where the classes have mask_colour, else values",
    ),
    "a void value among colours": (
        {"classes": [RED, BLUE], "void": 7},
        "void: void needs colours where the classes have mask_colour, else values",
    ),
    "a void value of more than 16 bits": (
        {"void": 65_536},
        "void: 65536 should be a mask value, 0 to 65535, or a colour as '#ff0000'",
    ),
    "void that is true": (
        {"void": True},
        "void: True should be a mask value, 0 to 65535, or a colour as '#ff0000'",
    ),
    "void without a value": (
        {"void": None},
        "void: None should be a mask value, 0 to 65535, or a colour as '#ff0000'",
    ),
    "a threshold of 0": ({"threshold": 0}, "threshold: 0 should be greater than or equal to 1"),
    "a threshold of 256": (
        {"threshold": 256},
        "threshold: 256 should be less than or equal to 255",
    ),
    "a threshold for other values": (
        {"classes": [GROUND, CELL | {"value": 1}], "threshold": 128},
        "threshold: with a threshold, a mask's values become 0 (below it) and 255: "
        "the classes need these two values",
    ),
    "a threshold for colours": (
        {"classes": [RED, BLUE], "threshold": 128},
        "threshold: with a threshold, a mask's values become 0 (below it) and 255: "
        "the classes need these two values",
    ),
    "a region of an unknown class": (
        {"regions": {"all": ["ground", "cel", "nucleus"]}},
        "regions: all holds cel, nucleus, which is no class",
    ),
    "an empty region": ({"regions": {"none": []}}, "regions: none holds no class"),
    "a region that is no list": (
        {"regions": {"all": "cell"}},
        "regions.all: 'cell' should be a list",
    ),
    "a region without a name": (
        {"regions": {"": ["cell"]}},
        "regions: '' should match pattern '^\\S(.*\\S)?$'",
    ),
    "a cutout that is no region": (
        {"regions": {"all": ["cell"]}, "cutout": "everything"},
        "cutout: everything, which is no class and no region",
    ),
    "a soft edge that is no class": ({"soft_edge": ["rim"]}, "soft_edge: rim, which is no class"),
    "unlabelled without what is no class": (
        {"unlabelled_without": ["rim"]},
        "unlabelled_without: rim, which is no class",
    ),
    "a group named as a column": (
        {"groups": ["site", "offset", "name"]},
        "groups: name, offset is a column of the records already",
    ),
    "a group twice": ({"groups": ["site", "site"]}, "groups: a group is duplicated"),
    "an unknown key": ({"colours": 3}, "colours: unknown key"),
    "a name that is none": ({"name": None}, "name: None should be a text"),
}


@pytest.mark.parametrize(("changes", "mistake"), WRONG.values(), ids=WRONG)
def test_mistake_is_reported(changes, mistake):
    assert mistakes(**changes) == [mistake]


@pytest.mark.parametrize("key", ["name", "classes"])
def test_missing_key_is_reported(key):
    with pytest.raises(PetsegError, match=f"here has 1 mistake:\n  - {key}: missing"):
        parse_spec({k: v for k, v in spec_content().items() if k != key}, "here")


def test_all_mistakes_are_reported_at_once():
    found = mistakes(
        void=255,
        threshold=300,
        regions={"all": ["cel"]},
        cutout="all",
        soft_edge=["rim"],
        groups=["shard"],
        unlabelled_without=["rim"],
        colours=3,
    )
    assert [line.split(":")[0] for line in found] == [
        *("void", "threshold", "regions", "cutout", "soft_edge", "groups"),
        *("unlabelled_without", "colours"),
    ]


def test_mistake_in_classes_is_reported_once():
    wrong = [GROUND, CELL | {"value": -1}]
    (mistake,) = mistakes(classes=wrong, regions={"all": ["cell"]}, soft_edge=["cell"], void=3)
    assert mistake.startswith("classes[1].value[0]: ")


@pytest.mark.parametrize("number", [10**400, 16**5000], ids=["400", "6000"])
def test_huge_number_is_refused_with_short_message(number):
    for changes in ({"void": number}, {"void": [number]}, {"groups": number}):
        (mistake,) = mistakes(**changes)
        assert "should" in mistake and len(mistake) < 1000 and "sys." not in mistake


def test_billions_of_values_are_refused_with_short_message():
    values: list = ["x"] * 9
    for _ in range(11):
        values = [values] * 9
    for key in ("name", "void", "threshold", "regions", "cutout", "soft_edge", "groups"):
        assert all(len(line) < 1000 for line in mistakes(**{key: values})), key
