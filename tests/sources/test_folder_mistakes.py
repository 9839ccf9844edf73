"""All mistakes are reported in one message, with files and fix."""

import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg.core.errors import PetsegError
from petseg.core.files import atomic_folder
from petseg.sources import acquisition, patterns
from petseg.sources.raw import open_raw
from tests.helpers.annotations import write_coco
from tests.helpers.dataset_files import described
from tests.helpers.datasets import write_pair
from tests.helpers.raw import all_examples

DRAWN = {"test": 0.2}
NO_FOLDERS = {"images": None, "masks": None}
BY_LISTS = {"train": "train.txt", "test": "test.txt"}
BY_FOLDERS = {"splits": {"train": "p", "test": "q"}, "images": "{split}/images"}


@pytest.fixture
def folder(tmp_path) -> Path:
    """Six different images with masks, and two lists."""
    for number, name in enumerate("abcdef"):
        add(tmp_path, name, number)
    (tmp_path / "train.txt").write_text("a\nb\nc\nd\n")
    (tmp_path / "test.txt").write_text("e\nf\n")
    return tmp_path


def add(folder: Path, name: str, shade: int) -> None:
    write_pair(folder, name, Image.new("L", (6, 8), shade), np.full((8, 6), 255, np.uint8))


def test_a_list_with_all_paths_needs_no_folders(folder):
    """Other files do not matter."""
    lines = {"train": "abc", "test": "de"}
    for split, names in lines.items():
        text = "# image, mask\n" + "".join(f"images/{n}.png\tmasks/{n}.png\n" for n in names)
        (folder / f"{split}.txt").write_text(text)
    shutil.move(folder / "masks/f.png", folder / "masks/left over.png")
    dataset = described(folder, BY_LISTS, **NO_FOLDERS)
    acquisition.bring(dataset, folder / "raw")
    found = open_raw(folder / "raw")
    for split, names in lines.items():
        assert [key.name for key in found.keys(split)] == [f"images/{name}" for name in names]
        for example, name in zip(all_examples(found, split), names, strict=True):
            assert example.image == (folder / f"images/{name}.png").read_bytes()
            assert example.mask == (folder / f"masks/{name}.png").read_bytes()


def test_mistakes_in_a_list_with_all_paths_are_listed(folder):
    lines = "images/a.png masks/a.png\nimages/b.png\n/c masks/c.png\nimages/a.jpg masks/a.png"
    (folder / "train.txt").write_text(f"{lines}\n../x.png masks/x.png\n")
    (folder / "test.txt").write_text("images/e.png masks/e.png\n")
    assert mistakes(folder, BY_LISTS, **NO_FOLDERS) == {
        "list lines without an image and its mask": [
            "train.txt, line 2: images/b.png",
            "train.txt, line 3: /c masks/c.png",
            "train.txt, line 5: ../x.png masks/x.png",
        ],
        "duplicate images in a list": ["train.txt, line 4: images/a.jpg masks/a.png"],
        "files that cannot be read": ["images/a.jpg: No such file or directory"],
    }
    (folder / "train.txt").write_text("images/a.png masks/a.png\nimages/g.png masks/b.png\n")
    assert mistakes(folder, BY_LISTS, **NO_FOLDERS) == {
        "files that cannot be read": ["images/g.png: No such file or directory"]
    }


def copy(folder: Path, name: str, other: str) -> None:
    for part in ("images", "masks"):
        shutil.copy(folder / part / name, folder / part / other)


def mistakes(folder: Path, splits: dict = DRAWN, **rest) -> dict[str, list[str]]:
    """Returns mistakes without fix -> lines without folder."""
    dataset = described(folder, splits, **rest)
    with pytest.raises(PetsegError) as caught, atomic_folder(folder / "data") as data:
        acquisition.bring(dataset, data / "raw")
    assert not (folder / "data").exists()
    headline, *lines = str(caught.value).replace(f"{folder}/", "").splitlines()
    assert headline == "dataset.yaml: the dataset cannot be used as it is:"
    found: dict[str, list[str]] = {}
    kind = ""
    for line in lines:
        if line.startswith("    "):
            found[kind].append(line[4:].removeprefix("- "))
        else:
            kind, fix = line[2:].removesuffix(":").split("; ", 1)
            assert fix
            found[kind] = []
    return found


def test_images_and_masks_without_a_partner_are_listed(folder):
    (folder / "images/a.png").unlink()
    (folder / "masks/b.png").unlink()
    assert mistakes(folder) == {
        "images without a mask": ["images/b.png"],
        "masks without an image": ["masks/a.png"],
    }


def test_at_most_ten_files_are_listed(folder):
    for number in range(30):
        add(folder, f"x{number:02}", 100 + number)
        (folder / f"masks/x{number:02}.png").unlink()
    (lines,) = mistakes(folder).values()
    assert lines == [f"images/x{number:02}.png" for number in range(10)] + ["and 20 more"]


def test_an_empty_pattern_lists_what_the_folder_holds(folder):
    here = f"{folder} holds dataset.yaml, images/, masks/, test.txt, train.txt"
    found = mistakes(folder, images="photos", masks="masks/*.bmp")
    assert found == {
        "nothing found": [
            f"images: photos; {here}",
            "masks: masks/*.bmp; masks holds a.png, b.png, c.png, d.png, e.png and 1 more",
        ]
    }


def test_images_that_are_all_masks_are_refused(folder):
    expected = {"nothing found": ["images: all files are masks; set mask_suffix"]}
    assert mistakes(folder, masks="images") == expected
    expected = {"nothing found": ["masks: no name ends with the mask_suffix _m"]}
    assert mistakes(folder, mask_suffix="_m") == expected


def test_list_entries_without_a_file_are_listed(folder):
    (folder / "test.txt").write_text("e\n\n# two missing ones\ng.png\nf h\nf a b\n")
    (folder / "masks/a.png").unlink()
    assert mistakes(folder, BY_LISTS) == {
        "list entries that match no file": [
            "test.txt, line 4: g.png",
            "test.txt, line 5: h",
            "test.txt, line 6: f a b",
        ],
        "images without a mask": ["images/a.png"],
    }


def test_unreadable_lists_are_listed(folder):
    (folder / "train.txt").write_bytes(b"M\xfcller\n")
    (folder / "test.txt").unlink()
    ((kind, lines),) = mistakes(folder, BY_LISTS).items()
    assert kind == "lists and tables that cannot be read"
    assert lines[0].startswith("train.txt: 'utf-8' codec can't decode byte 0xfc in position 1")
    assert lines[1] == "test.txt: No such file or directory"


def test_empty_splits_and_duplicate_lines_are_listed(folder):
    (folder / "train.txt").write_text("a\nb\nimages/a.png\n")
    (folder / "test.txt").write_text("# nothing yet\n")
    assert mistakes(folder, BY_LISTS) == {
        "duplicate images in a list": ["train.txt, line 3: images/a.png"],
        "splits without an example": ["test"],
    }


def test_a_folder_instead_of_a_list_is_refused(folder):
    found = mistakes(folder, {"train": "images", "test": "test.txt"})
    ((kind, lines),) = found.items()
    assert (kind, lines) == ("splits that name a folder, not a list", ["splits.train: images"])


def test_a_name_in_two_lists_is_refused(folder):
    (folder / "test.txt").write_text("e\nb\nf\n")
    found = mistakes(folder, BY_LISTS)
    assert found == {"names in two splits": ["b: train and test"]}


def test_a_name_in_two_split_folders_is_refused(folder):
    for text in "pq":
        for part in ("images", "masks"):
            (folder / text / part).mkdir(parents=True)
    for part in ("images", "masks"):
        shutil.copy(folder / part / "a.png", folder / "p" / part / "a.png")
        shutil.copy(folder / part / "b.png", folder / "q" / part / "a.png")
        shutil.copy(folder / part / "c.png", folder / "q" / part / "c.png")
    found = mistakes(folder, **BY_FOLDERS, masks="{split}/masks")
    assert found == {"names in two splits": ["a: train and test"]}


def test_masks_without_an_image_in_a_split_folder_are_listed(folder):
    for text in "pq":
        for part in ("images", "masks"):
            (folder / text / part).mkdir(parents=True)
            shutil.copy(folder / part / f"{'a' if text == 'p' else 'b'}.png", folder / text / part)
    shutil.copy(folder / "masks/c.png", folder / "q/masks/c.png")
    found = mistakes(folder, **BY_FOLDERS, masks="{split}/masks")
    assert found == {"masks without an image": ["q/masks/c.png"]}


def test_identical_images_in_two_splits_are_refused(folder):
    copy(folder, "a.png", "g.png")
    copy(folder, "b.png", "h.png")
    (folder / "train.txt").write_text("a\nb\nh\n")
    (folder / "test.txt").write_text("e\ng\n")
    shared = {
        "the same image, byte for byte, in two splits": [
            "images/a.png (train) and images/g.png (test)"
        ]
    }
    assert mistakes(folder, BY_LISTS) == shared
    (folder / "masks/e.png").unlink()  # also with other mistakes
    assert mistakes(folder, BY_LISTS) == {"images without a mask": ["images/e.png"]} | shared


def test_names_that_differ_only_in_case_or_suffix_are_refused(folder):
    copy(folder, "a.png", "A.png")
    if len(list((folder / "images").iterdir())) == 6:
        pytest.skip("this file system ignores case")
    shutil.copy(folder / "images/b.png", folder / "images/b.jpg")
    shutil.copy(folder / "masks/c.png", folder / "masks/c.bmp")
    assert mistakes(folder) == {
        "names that differ only in case or suffix": [
            "images/b.jpg and images/b.png",
            "images/A.png and images/a.png",
        ],
        "a second mask of the same image": ["masks/c.bmp and masks/c.png"],
    }


def test_names_that_are_not_utf8_are_refused(folder):
    for part in ("images", "masks"):
        try:
            target = os.fsencode(folder / part) + b"/M\xfcller.png"
            shutil.copy(folder / part / "a.png", target)
        except OSError:
            pytest.skip("this file system rejects such names")
    lines = [f"{part}/M\\xfcller.png" for part in ("images", "masks")]
    assert mistakes(folder) == {"names that are not UTF-8": lines}


def test_a_folder_without_read_permission_is_unreadable():
    """Root may read everything, so it becomes another user."""
    folder = Path(tempfile.mkdtemp())
    try:
        folder.chmod(0o755)
        (folder / "images" / "private").mkdir(parents=True)
        (folder / "images" / "private").chmod(0)
        root = os.geteuid() == 0
        if root:
            os.seteuid(65534)
        found = patterns.find(folder, "images")
        if root:
            os.seteuid(0)
        assert found.unreadable == [folder / "images" / "private"]
    finally:
        (folder / "images" / "private").chmod(0o755)
        shutil.rmtree(folder)


def test_unreadable_files_are_not_reported_as_missing(folder, monkeypatch):
    walk, read = os.walk, Path.read_bytes

    def without_permission(top, onerror):
        onerror(PermissionError(13, "Permission denied", f"{top}/private"))
        return walk(top, onerror=onerror)

    def damaged(path):
        if path.name == "c.png":
            raise PermissionError(13, "Permission denied", str(path))
        return read(path)

    monkeypatch.setattr(Path, "read_bytes", damaged)
    with pytest.raises(PetsegError) as caught:
        acquisition.bring(described(folder, DRAWN), folder / "raw")
    assert str(caught.value).splitlines()[1:] == [
        "  files that cannot be read; fix or replace them:",
        f"    - {folder}/images/c.png: Permission denied",
    ]
    monkeypatch.setattr(os, "walk", without_permission)
    lines = [f"{part}/private" for part in ("images", "masks")]
    assert mistakes(folder)["not readable"] == lines


@pytest.mark.parametrize(
    ("table", "lines"),
    [
        ("image,age\na,1\n", ["groups.csv: no column ward; there are age"]),
        ("", ["groups.csv: no column ward; there are none"]),
        (
            "image,ward\na,1\nb.png,2\nc,3\nd,4\nE,5\n",
            ["groups.csv: no line for e.png", "groups.csv: no line for f.png"],
        ),
    ],
)
def test_a_groups_table_without_a_column_or_an_image_is_refused(folder, table, lines):
    (folder / "groups.csv").write_text(table)
    found = mistakes(folder, groups=["ward"], groups_file="groups.csv")
    assert found == {"groups missing": lines}


def test_a_missing_groups_table_is_refused(folder):
    found = mistakes(folder, groups=["ward"], groups_file="groups.csv")
    expected = ["groups.csv: No such file or directory"]
    assert found == {"lists and tables that cannot be read": expected}


def test_an_unknown_label_is_reported_once(folder):
    names = [f"{name}.png" for name in "abcdef"]
    one = (0, "cat", [[1, 1, 4, 1, 4, 4]])
    write_coco(folder / "coco.json", names, (8, 6), ["cat"], [one])
    dataset = described(folder, DRAWN, masks=None, coco="coco.json", unlabelled="ground")
    with pytest.raises(PetsegError) as caught:
        acquisition.bring(dataset, folder / "raw")
    assert str(caught.value).count("'cat'") == 1
