"""datasets/NAME/dataset.yaml: valid sources, mistakes, and loading by name."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from petseg.core import yaml12
from petseg.core.dataset_file import Folder, load_dataset, parse_dataset
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.errors import PetsegError
from tests.helpers import ROOT
from tests.helpers.dataset_files import CELL_CLASSES as CLASSES
from tests.helpers.dataset_files import folder_source as folder
from tests.helpers.errors import mistakes_in

FOLDER = folder()
GENERATED = {"type": "generated_pets", "train": 4, "test": 2, "side": 64, "seed": 1}
PATH = Path("datasets/cells/dataset.yaml")


def parsed(source: object = FOLDER, **changes):
    content = {"source": source, "classes": CLASSES} | changes
    return parse_dataset(content, "cells", PATH)


def mistakes(source: object = FOLDER, **changes) -> list[str]:
    return mistakes_in(PATH, lambda: parsed(source, **changes))


@pytest.mark.parametrize("path", sorted((ROOT / "datasets").iterdir()), ids=lambda path: path.name)
def test_shipped_datasets_are_valid_and_named_as_their_folders(path, monkeypatch):
    monkeypatch.chdir(ROOT)
    dataset = load_dataset(path.name)
    assert dataset.name == path.name
    assert ROOT / dataset.folder == path
    spec = dataset.spec()
    assert type(spec) is DatasetSpec and "source" not in spec.to_json()
    assert spec.class_names == dataset.class_names


def test_name_key_overrides_folder_name():
    assert parsed().name == "cells"
    assert parsed(name="Cells of 2024").name == "Cells of 2024"


def test_folder_source_has_defaults():
    source = parsed().source
    assert isinstance(source, Folder)
    assert (source.path, source.mask_suffix, source.groups_file) == (".", "", None)
    assert (source.splits.train, source.splits.validation, source.splits.test) == (None, None, 0.2)


@pytest.mark.parametrize(
    "source",
    [
        {"type": "oxford_iiit_pet"},
        GENERATED,
        folder(masks=None, coco="instances.json", unlabelled="ground"),
        folder(masks=None, labelme="labels", unlabelled="void"),
        folder(splits={"train": "train.txt", "validation": "val.txt", "test": "test.txt"}),
        folder(images="{split}/a", splits={"train": "t", "validation": 0.1, "test": "v"}),
        folder(images=None, masks=None, splits={"train": "train.txt", "test": 0.2}),
    ],
    ids=str,
)
def test_valid_source_is_accepted(source):
    assert parsed(source).source.type == source["type"]


ONE_KIND = "source.labelme: one of masks, coco and labelme is needed, and only one"
NO_KIND = "source.images: one of masks, coco and labelme is needed, too"
KINDS = "'oxford_iiit_pet', 'generated_pets', 'folder'"
SHARE = "should be a text, or a share between 0 and 1"
WRONG = {
    "no type": (folder(type=None), "source.type: missing"),
    "an unknown type": (folder(type="zip"), f"source.type: 'zip' should be one of {KINDS}"),
    "a path": ("images", "source: expected keys and values"),
    "nothing": (None, "source: expected keys and values"),
    "no images": (
        folder(images=None),
        "source.images: missing",
    ),
    "no images, and no list": (
        folder(images=None, masks=None),
        "source.splits: train needs a list file, as there are no images to take",
    ),
    "no splits": (folder(splits=None), "source.splits: missing"),
    "no test split": (folder(splits={}), "source.splits.test: missing"),
    "no masks": (folder(masks=None), NO_KIND),
    "masks and annotations": (folder(coco="a.json"), ONE_KIND),
    "two kinds of annotations": (folder(masks=None, coco="a.json", labelme="b"), ONE_KIND),
    "an unknown key": (folder(mask="masks"), "source.mask: unknown key"),
    "a key of another source": (folder(seed=1), "source.seed: unknown key"),
    "a key of a folder": (GENERATED | {"images": "images"}, "source.images: unknown key"),
    "no image to draw": (
        GENERATED | {"test": 0},
        "source.test: 0 should be greater than or equal to 1",
    ),
    "images that are too small": (
        GENERATED | {"side": 31},
        "source.side: 31 should be greater than or equal to 32",
    ),
    "a share of all": (folder(splits={"test": 1.0}), f"source.splits.test: 1.0 {SHARE}"),
    "a share of nothing": (folder(splits={"test": 0.0}), f"source.splits.test: 0.0 {SHARE}"),
    "a whole number": (folder(splits={"test": 5}), f"source.splits.test: 5 {SHARE}"),
    "an empty text": (folder(splits={"test": ""}), f"source.splits.test: '' {SHARE}"),
    "a list": (folder(splits={"test": ["a"]}), f"source.splits.test: ['a'] {SHARE}"),
    "NaN": (folder(splits={"test": float("nan")}), f"source.splits.test: nan {SHARE}"),
    "a share to train on": (
        folder(splits={"train": 0.5, "test": 0.2}),
        "source.splits.train: 0.5 should be a text",
    ),
    "a split of another name": (
        folder(splits={"val": "val", "test": 0.2}),
        "source.splits.val: unknown key",
    ),
}


@pytest.mark.parametrize(("source", "mistake"), WRONG.values(), ids=WRONG)
def test_mistake_in_source_is_reported(source, mistake):
    assert mistakes(source) == [mistake]


def test_mistakes_of_source_and_spec_are_reported_at_once():
    wrong = folder(masks=None, images=3, coco="a", labelme="b", splits={"test": 2})
    found = mistakes(wrong, void=255, classes=CLASSES, colours=1)
    assert [line.split(": ")[0] for line in found] == [
        *("void", "source.labelme", "source.images", "source.splits.test", "colours")
    ]


@pytest.mark.parametrize("content", [None, [], "text", 3])
def test_file_without_keys_is_refused(content):
    with pytest.raises(PetsegError, match=r"dataset\.yaml has 1 mistake:\n  - the file: expected"):
        parse_dataset(content, "cells", PATH)


def test_error_for_unknown_dataset_lists_datasets(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PetsegError, match=r"there are none\. petseg inspect FOLDER --write cells"):
        load_dataset("cells")
    for name in ("street", "pets", "no yaml"):
        (tmp_path / "datasets" / name).mkdir(parents=True)
        if name != "no yaml":
            (tmp_path / "datasets" / name / "dataset.yaml").write_text("")
    with pytest.raises(PetsegError) as caught:
        load_dataset("cells")
    assert str(caught.value) == (
        f"dataset.name: cells needs a file {PATH}; there are pets, street. "
        "petseg inspect FOLDER --write cells proposes one"
    )


def test_error_messages_contain_the_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / PATH).parent.mkdir(parents=True)
    for text, message in (("seed: [1\n", f"{PATH} cannot be read: "), ("a: 1\n", f"{PATH} has 3 ")):
        (tmp_path / PATH).write_text(text)
        with pytest.raises(PetsegError) as caught:
            load_dataset("cells")
        assert str(caught.value).startswith(message)
    (tmp_path / PATH).write_text(yaml12.dump({"source": FOLDER, "classes": CLASSES}))
    assert load_dataset("cells").folder == PATH.parent


KEYS = [*DatasetSpec.model_fields, "source", *(f"source.{key}" for key in Folder.model_fields)]
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary()
values = st.recursive(
    scalars, lambda v: st.lists(v, max_size=4) | st.dictionaries(st.text(), v, max_size=4)
)


@settings(deadline=None)
@given(st.sampled_from(KEYS), values)
def test_any_value_is_accepted_or_reported_at_its_key(key, value):
    """The only possible error is PetsegError."""
    content = {"classes": CLASSES, "source": dict(FOLDER)}
    section, _, last = f"content.{key}".rpartition(".")
    (content["source"] if section.endswith("source") else content)[last] = value
    try:
        parse_dataset(content, "cells", PATH)
    except PetsegError as error:
        named = {"source.masks": NO_KIND, "source.coco": ONE_KIND}.get(key, f"\n  - {key}")
        if key in ("groups", "source.groups_file"):
            named = "\n  - source: groups needs groups_file"
        assert named in str(error) or f"\n  - {key}" in str(error)
