"""A folder's images and masks are found, paired, split and copied unchanged."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg.core.dataset_file import DatasetFile
from petseg.core.files import file_sha256
from petseg.decoding.mask import decode_mask
from petseg.sources import acquisition, raw
from petseg.sources.raw import RawExample, open_raw
from tests.helpers import datasets
from tests.helpers.annotations import write_coco
from tests.helpers.dataset_files import described
from tests.helpers.files import contents
from tests.helpers.raw import all_examples

DRAWN = {"test": 0.2}


def pair(folder: Path, image: str, mask: str, shade: int = 0) -> None:
    """Writes an image unique for its shade, and a two-valued mask."""
    labels = np.zeros((8, 6), np.uint8)
    labels[2:5, 1:4] = 255
    for path, pixels in ((folder / image, labels // 2 + shade), (folder / mask, labels)):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)


def brought(dataset: DatasetFile, target: Path) -> dict[str, dict[str, RawExample]]:
    """Returns the stored examples: split -> name -> example."""
    provenance = acquisition.bring(dataset, target)
    stored = open_raw(target)
    assert stored.spec == dataset.spec()
    assert provenance["examples"] == stored.counts
    found = {split: all_examples(stored, split) for split in stored.counts}
    for split, examples in found.items():
        assert stored.counts[split] == len(examples)
        assert [key.name for key in stored.keys(split)] == [one.name for one in examples]
    return {split: {one.name: one for one in examples} for split, examples in found.items()}


def names(found: dict[str, dict]) -> dict[str, list[str]]:
    return {split: sorted(examples) for split, examples in found.items()}


def test_images_and_masks_are_copied_byte_for_byte(tmp_path):
    folder = datasets.cells(tmp_path / "cells", 5)
    found = brought(described(folder, DRAWN), tmp_path / "raw")
    assert names(found) == {"train": [f"cell_{n:02}" for n in range(5)]}
    for name, example in found["train"].items():
        assert example.image == (folder / f"images/{name}.png").read_bytes()
        assert example.mask == (folder / f"masks/{name}.png").read_bytes()
        assert example.groups == ()
    assert open_raw(tmp_path / "raw").shares == {"test": 0.2, "validation": None}
    keys = {key.name: key.digest for key in open_raw(tmp_path / "raw").keys("train")}
    assert keys == {name: file_sha256(folder / f"images/{name}.png") for name in keys}


def test_two_runs_write_the_same_bytes(tmp_path):
    folder = datasets.coloured(tmp_path / "scenes", 8)
    dataset = described(folder, DRAWN)
    for run in ("one", "two"):
        acquisition.bring(dataset, tmp_path / run)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert len(contents(tmp_path / "one")) == 2 * 8 + 2


@pytest.mark.parametrize(
    ("images", "masks", "layout"),
    [
        ("{split}/images", "{split}/masks", "{split}/images/{name}.png {split}/masks/{name}.png"),
        ("images/{split}", "masks/{split}", "images/{split}/{name}.png masks/{split}/{name}.png"),
        ("{split}", "{split}annot", "{split}/{name}.png {split}annot/{name}.png"),
        ("{split}/*.tif", "{split}/*.png", "{split}/{name}.tif {split}/{name}.png"),
        ("{split}/images", "masks", "{split}/images/{name}.png masks/{name}.png"),
    ],
)
def test_each_split_may_have_its_own_folder(tmp_path, images, masks, layout):
    splits = {"train": "train", "validation": "val", "test": "test"}
    expected = {}
    for number, (split, text) in enumerate(splits.items()):
        expected[split] = [f"{split}_{i}" for i in range(number + 1)]
        for i, name in enumerate(expected[split]):
            shade = 10 * number + i
            pair(tmp_path, *layout.format(split=text, name=name).split(), shade)
    dataset = described(tmp_path, splits, images=images, masks=masks)
    found = brought(dataset, tmp_path / "raw")
    assert names(found) == expected
    assert open_raw(tmp_path / "raw").shares == {}


@pytest.mark.parametrize("suffix", ["_mask", "_label", "-seg"])
@pytest.mark.parametrize("masks", ["masks", "images"])
def test_masks_with_a_suffix_may_be_in_the_images_folder(tmp_path, suffix, masks):
    for number, name in enumerate("ab"):
        pair(tmp_path, f"images/{name}.png", f"{masks}/{name}{suffix}.png", number)
    dataset = described(tmp_path, DRAWN, masks=masks, mask_suffix=suffix)
    assert names(brought(dataset, tmp_path / "raw")) == {"train": ["a", "b"]}


def test_masks_may_be_in_a_subfolder_of_the_images(tmp_path):
    for number, name in enumerate("ab"):
        pair(tmp_path, f"{name}.jpg", f"masks/{name}.png", number)
    dataset = described(tmp_path, DRAWN, images=".")
    assert names(brought(dataset, tmp_path / "raw")) == {"train": ["a", "b"]}


def test_names_are_relative_paths_without_hidden_files(tmp_path):
    for number, name in enumerate(["a.b", "day 1/größe", "day 2/größe", ".hidden", ".cache/c"]):
        pair(tmp_path, f"images/{name}.PNG", f"masks/{name}.png", number)
    (tmp_path / "images" / "notes.txt").write_text("not an image")
    found = brought(described(tmp_path, DRAWN), tmp_path / "raw")
    assert names(found) == {"train": ["a.b", "day 1/größe", "day 2/größe"]}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("shots/*.png", ["a"]),
        ("shots/**/*.png", ["a", "night/b", "night/deep/c"]),
        ("shots/*/?.png", ["night/b"]),
        ("shots/**/*.dat", ["d"]),
        ("shots [x]", ["e"]),
    ],
)
def test_patterns_match_like_in_the_shell(tmp_path, pattern, expected):
    for number, name in enumerate(["a", "night/b", "night/deep/c"]):
        pair(tmp_path, f"shots/{name}.png", f"masks/{name}.png", number)
    pair(tmp_path, "shots [x]/e.png", "masks/e.png")
    pair(tmp_path, "shots/d.png", "masks/d.png", 9)
    (tmp_path / "shots/d.png").rename(tmp_path / "shots/d.dat")
    (tmp_path / "list").write_text("\n".join(expected), encoding="utf-8")
    dataset = described(tmp_path, {"train": "list", "test": 0.2}, images=pattern)
    assert names(brought(dataset, tmp_path / "raw")) == {"train": expected}


LISTS = {
    "names": "a\nb\n",
    "suffixes, a comment, no final newline": "# two\n\na.png\nb.png",
    "paths from the folder": "images/a.png\n./images/b.png\n",
    "from Windows": "\ufeffimages\\a.png\r\nimages\\b.png\r\n",
    "pairs": "images/a.png masks/a.png\nimages/b.png masks/b.png\n",
    "pairs, comma": "a.png,a.png\nb, b\n",
    "pairs, tab": "a\tmasks/a.png\nb\tmasks/b.png\n",
}


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS.keys())
def test_a_list_defines_a_split_and_training_takes_the_rest(tmp_path, text):
    for number, name in enumerate(["a", "b", "c", "with space"]):
        pair(tmp_path, f"images/{name}.png", f"masks/{name}.png", number)
    (tmp_path / "test.txt").write_bytes(text.encode())
    found = brought(described(tmp_path, {"test": "test.txt"}), tmp_path / "raw")
    assert names(found) == {"train": ["c", "with space"], "test": ["a", "b"]}
    assert open_raw(tmp_path / "raw").shares == {"validation": None}


def test_a_pair_in_a_list_selects_the_mask(tmp_path):
    pair(tmp_path, "images/a.png", "masks/x.png")
    pair(tmp_path, "images/b b.png", "masks/y.png", 1)
    (tmp_path / "train.txt").write_text("a x\nimages/b b.png\n", encoding="utf-8")
    pair(tmp_path, "images/b b.png", "masks/b b.png", 1)
    splits = {"train": "train.txt", "validation": 0.5, "test": 0.5}
    found = brought(described(tmp_path, splits), tmp_path / "raw")
    assert names(found) == {"train": ["a", "b b"]}
    assert open_raw(tmp_path / "raw").shares == {"test": 0.5, "validation": 0.5}


def test_lists_may_omit_images_and_masks(tmp_path):
    for number, name in enumerate("abc"):
        pair(tmp_path, f"images/{name}.png", f"masks/{name}.png", number)
    (tmp_path / "images/c.png").unlink()
    pair(tmp_path, "images/d.png", "other/d.png", 7)
    for name in "ab":
        (tmp_path / f"{name}.txt").write_text(name)
    found = brought(described(tmp_path, {"train": "a.txt", "test": "b.txt"}), tmp_path / "raw")
    assert names(found) == {"train": ["a"], "test": ["b"]}


def test_groups_are_read_from_a_table_in_spec_order(tmp_path):
    for number, name in enumerate(["a", "b", "c,d"]):
        pair(tmp_path, f"images/{name}.png", f"masks/{name}.png", number)
    table = 'image,ward,age,patient\na,x,1,NA\nb.png,y,2,"p, 1"\n"c,d",,3,p\nunused,x,1,p\n'
    (tmp_path / "groups.csv").write_text(table, encoding="utf-8")
    dataset = described(tmp_path, DRAWN, groups=["patient", "ward"], groups_file="groups.csv")
    found = brought(dataset, tmp_path / "raw")["train"]
    groups = {name: example.groups for name, example in found.items()}
    assert groups == {"a": ("NA", "x"), "b": ("p, 1", "y"), "c,d": ("p", "")}
    strata = {key.name: key.stratum for key in open_raw(tmp_path / "raw").keys("train")}
    assert strata == {"a": "NA", "b": "p, 1", "c,d": "p"}


def test_masks_are_in_the_order_of_the_names_even_in_a_drawn_split(tmp_path):
    for number, name in enumerate("abcd"):
        pair(tmp_path, f"images/{name}.png", f"masks/{name}.png", number)
    (tmp_path / "val.txt").write_text("d")
    acquisition.bring(described(tmp_path, {"validation": "val.txt", "test": 0.5}), tmp_path / "raw")
    stored = {name: (tmp_path / f"masks/{name}.png").read_bytes() for name in "abcd"}
    assert raw.masks(tmp_path / "raw", "test", ["c", "a"]) == [stored["c"], stored["a"]]
    assert raw.masks(tmp_path / "raw", "validation", ["d"]) == [stored["d"]]


def test_images_may_be_outside_the_project(tmp_path):
    datasets.cells(tmp_path / "elsewhere", 3)
    home = tmp_path / "datasets" / "cells"
    home.mkdir(parents=True)
    for number, path in enumerate(["../../elsewhere", str(tmp_path / "elsewhere")]):
        found = brought(described(home, DRAWN, path=path), tmp_path / f"raw {number}")
        assert len(found["train"]) == 3


BOX = [[1, 1, 5, 1, 5, 4, 1, 4]]


@pytest.mark.parametrize("file_name", ["{}.png", "images/{}.png"])
def test_coco_annotations_are_drawn_as_masks(tmp_path, file_name):
    for number, name in enumerate("ab"):
        pair(tmp_path, f"images/{name}.png", f"unused/{name}.png", number)
    names = [file_name.format(name) for name in "ab"]
    write_coco(tmp_path / "coco.json", names, (8, 6), ["cell"], [(1, "cell", BOX)])
    dataset = described(tmp_path, DRAWN, masks=None, coco="coco.json", unlabelled="ground")
    found = brought(dataset, tmp_path / "raw")["train"]
    drawn = {name: decode_mask(one.mask, dataset, (6, 8)) for name, one in found.items()}
    assert drawn["a"].sum() == 0
    assert drawn["b"].sum() == 12
    assert drawn["b"][1:4, 1:5].all()


def test_labelme_annotations_are_drawn_as_masks(tmp_path):
    for number, name in enumerate("ab"):
        pair(tmp_path, f"images/{name}.png", f"unused/{name}.png", number)
        points = [[1, 1], [5, 1], [5, 4], [1, 4]]
        shapes = [{"label": "cell", "shape_type": "polygon", "points": points}] * number
        content = {"imageHeight": 8, "imageWidth": 6, "shapes": shapes}
        (tmp_path / f"images/{name}.json").write_text(json.dumps(content))
    dataset = described(tmp_path, DRAWN, masks=None, labelme="images", unlabelled="ground")
    found = brought(dataset, tmp_path / "raw")["train"]
    drawn = {name: decode_mask(one.mask, dataset, (6, 8)) for name, one in found.items()}
    assert (drawn["a"].sum(), drawn["b"].sum()) == (0, 12)
