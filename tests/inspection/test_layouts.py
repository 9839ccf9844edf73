"""Common layouts are recognised, with every pair."""

import json

import pytest

from petseg.core.errors import PetsegError
from petseg.inspection.layouts import find_layouts
from petseg.inspection.tree import walk
from tests.helpers.annotations import write_coco
from tests.helpers.layouts import found, write


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("images", "masks"),
        ("imgs", "labels"),
        ("JPEGImages", "SegmentationClass"),
        ("images", "annotations"),
        ("data/img", "data/gt"),
        ("original", "ground_truth"),
        ("annotated/images", "annotated/masks"),
        (".", "masks"),
        ("images", "images/masks"),
    ],
)
def test_folders_with_equal_names_are_paired(tmp_path, images, masks):
    write(tmp_path, *(f"{images}/{n}.jpg" for n in "abc"), *(f"{masks}/{n}.png" for n in "abc"))
    prefix = "" if images == "." else f"{images}/"
    assert found(tmp_path) == (images, masks, "", {"train": [f"{prefix}{n}.jpg" for n in "abc"]})


@pytest.mark.parametrize(
    ("images", "masks"),
    [
        ("{}/images", "{}/masks"),
        ("images/{}", "masks/{}"),
        ("{}", "{}annot"),
        ("{}", "{}_labels"),
        ("{}_images", "{}_masks"),
        ("data/images_{}", "data/masks_{}"),
    ],
)
@pytest.mark.parametrize("words", [("train", "val", "test"), ("training", "valid", "testing")])
def test_a_folder_for_each_split_is_recognised(tmp_path, images, masks, words):
    for word in words:
        for name in (f"{word}_a", f"{word}_b"):
            write(tmp_path, f"{images.format(word)}/{name}.jpg", f"{masks.format(word)}/{name}.png")
    expected = {
        split: [f"{images.format(word)}/{word}_{n}.jpg" for n in "ab"]
        for split, word in zip(("train", "validation", "test"), words, strict=True)
    }
    template = images.format("{split}"), masks.format("{split}")
    assert found(tmp_path) == (*template, "", expected)


def test_validation_is_for_testing_without_a_test_split(tmp_path):
    write(tmp_path, "train/images/a.jpg", "train/masks/a.png")
    write(tmp_path, "val/images/b.jpg", "val/masks/b.png")
    _, _, _, splits = found(tmp_path)
    assert splits == {"train": ["train/images/a.jpg"], "test": ["val/images/b.jpg"]}


def test_a_split_without_masks_is_ignored(tmp_path):
    for split in ("train", "val"):
        write(tmp_path, f"{split}/images/{split}.jpg", f"{split}/masks/{split}.png")
    write(tmp_path, "test/images/c.jpg", "test/images/d.jpg")
    _, _, _, splits = found(tmp_path)
    assert splits == {"train": ["train/images/train.jpg"], "test": ["val/images/val.jpg"]}


@pytest.mark.parametrize(
    "suffix", ["_mask", "_label", "_seg", "_gt", "-mask", "_L", ".labels", "_labelIds", "_1_mask"]
)
def test_masks_in_the_same_folder_have_a_suffix(tmp_path, suffix):
    write(tmp_path, *(f"all/{n}.jpg" for n in "abc"), *(f"all/{n}{suffix}.png" for n in "abc"))
    images = [f"all/{n}.jpg" for n in "abc"]
    assert found(tmp_path) == ("all", "all", suffix, {"train": images})


def test_masks_with_a_suffix_may_have_their_own_folder(tmp_path):
    write(tmp_path, *(f"train/{n}.jpg" for n in "abc"))
    write(tmp_path, *(f"train_masks/{n}_mask.png" for n in "abc"))
    images = [f"train/{n}.jpg" for n in "abc"]
    assert found(tmp_path) == ("train", "train_masks", "_mask", {"train": images})


def test_final_numbers_are_not_a_suffix(tmp_path):
    names = [str(number) for number in range(1, 25)]
    write(tmp_path, *(f"images/{n}.jpg" for n in names), *(f"masks/{n}.png" for n in names))
    images, masks, suffix, _ = found(tmp_path)
    assert (images, masks, suffix) == ("images", "masks", "")
    write(tmp_path / "one", *(f"{n}.png" for n in names))
    with pytest.raises(PetsegError, match="no masks that match them"):
        find_layouts(walk(tmp_path / "one"))


def test_subfolders_are_combined(tmp_path):
    for scene in ("north", "south"):
        write(tmp_path, f"images/{scene}/a.jpg", f"masks/{scene}/a.png")
    images = ["images/north/a.jpg", "images/south/a.jpg"]
    assert found(tmp_path) == ("images", "masks", "", {"train": images})


def test_subfolders_of_splits_are_combined(tmp_path):
    for split in ("train", "test"):
        for scene in ("north", "south"):
            name = f"{split}/{scene}/{split}_{scene}"
            write(tmp_path, f"images/{name}.jpg", f"masks/{name}.png")
    images, masks, _, splits = found(tmp_path)
    assert (images, masks) == ("images/{split}", "masks/{split}")
    assert {split: len(paths) for split, paths in splits.items()} == {"train": 2, "test": 2}


def test_previews_in_subfolders_are_left_out(tmp_path):
    write(tmp_path, *(f"images/{n}.jpg" for n in "abc"), *(f"masks/{n}.png" for n in "abc"))
    write(tmp_path, "images/small/x.jpg", "masks/coloured/x.jpg")
    images = [f"images/{n}.jpg" for n in "abc"]
    assert found(tmp_path) == ("images/*", "masks/*", "", {"train": images})


def test_class_masks_are_preferred_to_object_masks(tmp_path):
    for folder in ("SegmentationClass", "SegmentationObject"):
        write(tmp_path, *(f"{folder}/{n}.png" for n in "abc"))
    write(tmp_path, *(f"JPEGImages/{n}.jpg" for n in "abc"))
    layouts, _ = find_layouts(walk(tmp_path))
    assert [one.masks for one in layouts] == ["SegmentationClass", "SegmentationObject"]
    (tmp_path / "SegmentationObject").rename(tmp_path / "InstanceMasks")
    layouts, _ = find_layouts(walk(tmp_path))
    assert layouts[0].masks == "SegmentationClass"


def test_a_coco_file_is_matched_with_its_images(tmp_path):
    write(tmp_path, "images/a.jpg", "images/b.jpg")
    write_coco(tmp_path / "annotations" / "instances.json", ["a.jpg", "b.jpg"], (4, 6))
    expected = {"train": ["images/a.jpg", "images/b.jpg"]}
    assert found(tmp_path) == ("images", "annotations/instances.json", "", expected)


@pytest.mark.parametrize(
    ("images", "file"),
    [
        ("{}", "{}/_annotations.coco.json"),
        ("images/{}2017", "annotations/instances_{}2017.json"),
    ],
)
def test_a_coco_file_for_each_split_is_recognised(tmp_path, images, file):
    for split in ("train", "val"):
        write(tmp_path, f"{images.format(split)}/{split}.jpg")
        write_coco(tmp_path / file.format(split), [f"{split}.jpg"], (4, 6))
    _, _, _, splits = found(tmp_path)
    assert splits == {
        "train": [f"{images.format('train')}/train.jpg"],
        "test": [f"{images.format('val')}/val.jpg"],
    }


@pytest.mark.parametrize("folder", [".", "json"])
def test_labelme_files_are_matched_with_their_images(tmp_path, folder):
    write(tmp_path, "a.jpg", "b.jpg")
    (tmp_path / folder).mkdir(exist_ok=True)
    for name in "ab":
        text = json.dumps({"shapes": [], "imagePath": f"{name}.jpg"})
        (tmp_path / folder / f"{name}.json").write_text(text, encoding="utf-8")
    assert found(tmp_path) == (".", folder, "", {"train": ["a.jpg", "b.jpg"]})


def test_an_unknown_layout_lists_the_known_ones(tmp_path):
    write(tmp_path, "photos/a.jpg", "photos/b.jpg", "other/c.jpg")
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    with pytest.raises(PetsegError) as caught:
        find_layouts(walk(tmp_path))
    message = str(caught.value)
    assert "photos/ (2)" in message and "other/ (1)" in message
    assert "images/ and masks/" in message and "COCO" in message
    assert "broken.json is not a JSON file" in message
    (tmp_path / "empty").mkdir()
    with pytest.raises(PetsegError, match="holds no image"):
        find_layouts(walk(tmp_path / "empty"))
