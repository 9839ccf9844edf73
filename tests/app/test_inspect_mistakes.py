"""`petseg inspect` lists mistakes by kind, each with its fix."""

import os
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.helpers import datasets
from tests.helpers.images import as_stored, exif
from tests.helpers.inspecting import IMAGE, MASK, pairs, refused, run

pytestmark = pytest.mark.usefixtures("workdir")


def test_unpaired_images_and_masks_are_listed(capsys, workdir):
    folder = pairs(workdir / "data", "a", "b", "c", "d")
    (folder / "masks" / "b.png").unlink()
    (folder / "images" / "c.png").unlink()
    out = run(capsys, folder)
    assert "pairs of image and mask: 2" in out
    assert "to fix before dvc repro:" in out
    assert "1 x images without a mask; " in out and "    images/b.png\n" in out
    assert "1 x masks without an image; " in out and "    masks/c.png\n" in out


def test_long_list_of_mistakes_is_shortened(capsys, workdir):
    folder = pairs(workdir / "data", *(f"{number:02}" for number in range(14)))
    for number in range(13):
        (folder / "masks" / f"{number:02}.png").unlink()
    out = run(capsys, folder)
    assert "13 x images without a mask" in out and "and 3 more" in out
    assert "images/09.png" in out and "images/10.png" not in out


def test_unusable_files_are_listed_with_the_reason(capsys, workdir):
    folder = pairs(workdir / "data", "a", "b", "c", "d")
    (folder / "images" / "b.png").write_bytes(b"no image")
    cut = (folder / "masks" / "c.png").read_bytes()[:60]
    (folder / "masks" / "c.png").write_bytes(cut)
    (folder / "masks" / "d.png").write_bytes(b"")
    out = run(capsys, folder)
    assert "3 x files that cannot be used" in out
    assert "images/b.png: the photograph is not an image" in out
    assert "masks/c.png: the mask cannot be decoded" in out
    assert "masks/d.png: the mask is an empty file" in out
    assert "{name: foreground, value: 255}" in out


def test_without_a_readable_mask_the_reasons_are_printed(capsys, workdir):
    folder = pairs(workdir / "data", "a")
    (folder / "masks" / "a.png").write_bytes(b"")
    out, said = refused(capsys, folder)
    assert "masks/a.png: the mask is an empty file" in out
    assert said == "error: no mask can be read; the reasons are above"


def test_masks_of_another_size_are_listed(capsys, workdir):
    folder = pairs(workdir / "data", "a", "b")
    Image.fromarray(MASK[:10]).save(folder / "masks" / "b.png")
    out = run(capsys, folder)
    assert "1 x masks whose size differs from the image's" in out
    assert "masks/b.png: 30x10, the image 30x20\n" in out


@pytest.mark.parametrize("fits", [True, False])
def test_images_rotated_by_exif_are_counted(capsys, workdir, fits):
    folder = pairs(workdir / "data", "a", "b")
    stored = as_stored(Image.fromarray(IMAGE), 6)
    stored.save(folder / "images" / "b.png", exif=exif(6))
    if not fits:
        Image.fromarray(MASK.T.copy()).save(folder / "masks" / "b.png")
    out = run(capsys, folder)
    assert f"by their EXIF orientation: 1; masks that fit then: {int(fits)}\n" in out
    mistake = "masks/b.png: 20x30, the image 30x20 when turned upright as its EXIF says"
    assert (mistake in out) == (not fits)


def splits(folder: Path) -> Path:
    for split in ("train", "test"):
        pairs(folder / split, f"{split}_a", f"{split}_b")
    return folder


def test_same_image_in_two_splits_is_a_mistake(capsys, workdir):
    folder = splits(workdir / "data")
    out = run(capsys, folder)
    assert "the same image, byte for byte, in two splits; keep one" in out
    assert "test/images/test_a.png" in out
    assert "train/images/train_a.png = test/images/test_a.png" in out
    assert "pairs of image and mask: 4 (train 2, test 2)" in out


def test_same_image_twice_in_a_split_is_reported(capsys, workdir):
    folder = pairs(workdir / "data", "a", "b", "c")
    (folder / "images" / "c.png").write_bytes((folder / "images" / "a.png").read_bytes())
    out = run(capsys, folder)
    assert "byte-identical images: images/a.png = images/c.png" in out
    assert "to fix" not in out


def test_same_name_in_two_splits_is_a_mistake(capsys, workdir):
    for number, split in enumerate(("train", "test")):
        image = Image.fromarray(IMAGE + number)
        datasets.write_pair(workdir / "data" / split, "same", image, MASK)
    out = run(capsys, workdir / "data")
    assert "names in two splits; keep each in one" in out and "same: train and test" in out


def test_names_differing_only_in_case_or_suffix_are_listed(capsys, workdir):
    folder = pairs(workdir / "data", "a", "A", "b")
    Image.fromarray(IMAGE).save(folder / "images" / "b.jpg")
    out = run(capsys, folder)
    assert "2 x names that differ only in case or suffix" in out
    assert "images/b.jpg and images/b.png" in out


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names are text")
def test_names_that_are_not_utf8_are_listed(capsys, workdir):
    folder = pairs(workdir / "data", "a", os.fsdecode(b"caf\xe9"))
    out = run(capsys, folder)
    assert "names that are not UTF-8" in out and r"images/caf\xe9.png" in out
    (folder / "images").rename(folder / os.fsdecode(b"im\xe9ges"))
    _, said = refused(capsys, folder)
    assert r"im\xe9ges is not UTF-8, so dataset.yaml cannot name it; rename it" in said


def test_unreadable_folder_is_reported(capsys, workdir, monkeypatch):
    folder = pairs(workdir / "data", "a")
    scandir = os.scandir

    def refuse(path):
        if Path(path).name == "masks":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    _, said = refused(capsys, folder)
    assert said == f"error: {folder}/masks cannot be read: Permission denied"


def test_missing_folder_is_reported(capsys, workdir):
    _, said = refused(capsys, "nowhere")
    assert said == f"error: {workdir}/nowhere cannot be read: No such file or directory"


def test_unused_damaged_annotation_file_is_reported(capsys, workdir):
    folder = pairs(workdir / "data", "a")
    (folder / "notes.json").write_text("{", encoding="utf-8")
    assert "not used, notes.json is not a JSON file, or is damaged" in run(capsys, folder)


def test_partly_transparent_mask_is_listed(capsys, workdir):
    folder = pairs(workdir / "data", "a", "b", "c")
    Image.new("RGBA", (6, 4), (255, 0, 0, 128)).save(folder / "masks" / "b.png")
    assert "masks/b.png: the mask is transparent in parts" in run(capsys, folder)


def test_damaged_coco_file_beside_masks_is_listed(capsys, workdir):
    folder = pairs(workdir / "data", "a", "b", "c")
    (folder / "coco.json").write_text('{"images": [{}], "annotations": []}', encoding="utf-8")
    out = run(capsys, folder)
    assert "pairs of image and mask: 3" in out
    assert "coco.json" in out


@pytest.mark.parametrize("name", ["classes.txt", "train.txt"])
def test_names_and_lists_that_are_not_text_are_skipped(capsys, workdir, name):
    folder = pairs(workdir / "data", "a", "b", "c")
    (folder / name).write_bytes(b"\xff\xfe\x00a\n")
    out = run(capsys, folder)
    assert "pairs of image and mask: 3" in out
    assert "{name: foreground, value: 255}" in out
