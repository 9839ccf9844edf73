"""Lists of images, or images and masks, define splits."""

import pytest

from petseg.inspection.layouts import find_layouts
from petseg.inspection.tree import walk
from tests.helpers.layouts import found, write


@pytest.mark.parametrize(
    "line", ["{n}", "{n}.jpg", "images/{n}.jpg", "images/{n}.jpg masks/{n}.png"]
)
def test_lists_define_the_splits(tmp_path, line):
    write(tmp_path, *(f"images/{n}.jpg" for n in "abcdx"), *(f"masks/{n}.png" for n in "abcdx"))
    for split, names in (("train", "ab"), ("val", "c"), ("test", "d")):
        path = tmp_path / "lists" / f"{split}.txt"
        path.parent.mkdir(exist_ok=True)
        path.write_text("".join(line.format(n=n) + "\n" for n in names), encoding="utf-8")
    layouts, _ = find_layouts(walk(tmp_path))
    assert layouts[0].texts == {
        "train": "lists/train.txt",
        "validation": "lists/val.txt",
        "test": "lists/test.txt",
    }
    images, masks, _, splits = found(tmp_path)
    assert (images, masks) == ("images", "masks")
    assert splits == {
        "train": ["images/a.jpg", "images/b.jpg"],
        "validation": ["images/c.jpg"],
        "test": ["images/d.jpg"],
    }


def test_a_text_that_names_few_images_is_not_a_list(tmp_path):
    write(tmp_path, *(f"images/{n}.jpg" for n in "abc"), *(f"masks/{n}.png" for n in "abc"))
    text = "how to train\na\nuse a network\n\n# and more\n"
    (tmp_path / "train.txt").write_text(text, encoding="utf-8")
    layouts, _ = find_layouts(walk(tmp_path))
    assert layouts[0].texts == {}


def test_a_list_may_pair_files_of_any_name(tmp_path):
    write(tmp_path, "photos/one.jpg", "photos/two.jpg", "drawn/x1.png", "drawn/x2.png")
    text = "photos/one.jpg drawn/x2.png\nphotos/two.jpg drawn/x1.png\n"
    (tmp_path / "pairs.lst").write_text(text, encoding="utf-8")
    images, masks, _, splits = found(tmp_path)
    assert (images, masks) == ("photos", "drawn")
    assert splits == {"train": ["photos/one.jpg", "photos/two.jpg"]}
    layouts, _ = find_layouts(walk(tmp_path))
    assert layouts[0].texts == {"train": "pairs.lst"}
