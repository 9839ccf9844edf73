"""Records from a user's images and masks, of any shapes, values and colours."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg import records
from petseg.core.dataset_file import DatasetFile
from petseg.core.dataset_spec import VOID
from petseg.core.errors import PetsegError
from petseg.sources import acquisition, preparation
from tests.helpers import datasets
from tests.helpers.dataset_files import CELL_CLASSES, described
from tests.helpers.images import as_stored, exif
from tests.helpers.raw import write_records
from tests.helpers.specs import numbered_classes

DRAWN = {"test": 0.2}
ABC = [{"name": name, "value": value} for value, name in enumerate("abc")]
FOUR = [{"name": name, "value": value} for value, name in enumerate("wxyz")]
COLOURED = [
    {"name": name, "mask_colour": colour}
    for name, colour in zip("wxyz", datasets.COLOURS, strict=True)
]
TWENTY = numbered_classes(20)


def write(dataset: DatasetFile, parent: Path, **changes) -> Path:
    """Writes records; returns their folder."""
    acquisition.bring(dataset, parent / "raw")
    folder = parent / "records"
    write_records(parent / "raw", folder, **({"image_size": (32, 64)} | changes))
    records.verify(folder)
    return folder


def refused(dataset: DatasetFile, parent: Path, **changes) -> list[str]:
    with pytest.raises(PetsegError) as caught:
        write(dataset, parent, **changes)
    assert not (parent / "records" / records.MANIFEST).exists()
    return str(caught.value).splitlines()


def examples(folder: Path) -> dict[str, records.Example]:
    return {one.name: one for split in records.SPLITS for one in records.read(folder, split)}


def save(folder: Path, name: str, mask: np.ndarray, image: Image.Image | None = None) -> None:
    """The default image is unique for its name."""
    if image is None:
        image = Image.new("RGB", mask.shape[::-1], tuple(name.encode().ljust(3)[:3]))
    datasets.write_pair(folder, name, image, mask)


def halves(left: int, right: int, shape=(40, 56)) -> np.ndarray:
    mask = np.full(shape, left, np.uint8)
    mask[:, shape[1] // 2 :] = right
    return mask


KINDS = {
    "0/255": (datasets.cells, CELL_CLASSES, (), (18, 4, 8)),
    "colours": (datasets.coloured, COLOURED, (), (7, 2, 3)),
    "palette": (datasets.palette, FOUR, 255, (7, 2, 3)),
    "three images": (datasets.three, FOUR[:2], (), (1, 1, 1)),
    "20 classes": (datasets.twenty, TWENTY, (), (7, 2, 3)),
}


@pytest.mark.parametrize(("make", "classes", "void", "counts"), KINDS.values(), ids=KINDS.keys())
def test_datasets_of_all_kinds_become_records(tmp_path, make, classes, void, counts):
    folder = make(tmp_path / "mine")
    splits = {"validation": 0.2, "test": 0.25}
    dataset = described(folder, splits, classes, void=void)
    written = write(dataset, tmp_path, validation_share=0.9)
    assert records.spec(written) == dataset.spec()
    assert records.image_size(written) == (32, 64)
    held = [len(records.index(written, split)) for split in records.SPLITS]
    assert tuple(held) == counts
    for name, example in examples(written).items():
        stored = np.asarray(Image.open(folder / f"masks/{name}.png"))
        height, width = stored.shape[:2]
        rows, columns = (
            ((np.arange(small) + 0.5) * large / small).astype(int)
            for small, large in ((32, height), (64, width))
        )
        expected = stored[np.ix_(rows, columns)]
        if expected.ndim == 3:
            colours = [tuple(bytes.fromhex(one["mask_colour"][1:])) for one in classes]
            labels = np.array([[colours.index(tuple(pixel)) for pixel in row] for row in expected])
        else:
            labels = np.full_like(expected, VOID)
            for label, one in enumerate(classes):
                labels[expected == one["value"]] = label
        np.testing.assert_array_equal(example.mask, labels)


def test_images_of_any_shape_fill_the_input(tmp_path):
    ramp = np.tile(np.linspace(0, 255, 300), (90, 1))
    for number, name in enumerate("abc"):
        image = Image.fromarray(np.stack([ramp, ramp, ramp + number], axis=-1).astype(np.uint8))
        save(tmp_path, name, halves(0, 255, (90, 300)), image)
    found = examples(write(described(tmp_path, DRAWN), tmp_path))
    assert len(found) == 3
    for example in found.values():
        assert example.image.shape == (32, 64, 3)
        across = example.image[16, :, 0].astype(int)
        assert across[0] < 4
        assert across[-1] > 251
        assert (np.diff(across) >= 3).all()
        np.testing.assert_array_equal(example.mask, halves(0, 1, (32, 64)))


def test_unknown_values_are_summed_up_over_all_masks(tmp_path):
    for number in range(5):
        save(tmp_path, f"{number}", halves(0, 1))
    for name in ("x", "y"):
        save(tmp_path, name, halves(2, 7))
    mask = halves(0, 7)
    mask[0, :8] = 9
    save(tmp_path, "z", mask)
    save(tmp_path, "small", halves(0, 1), Image.new("L", (5, 4)))
    headline, *lines = refused(described(tmp_path, DRAWN, ABC), tmp_path)
    assert headline == (
        "4 images or masks cannot be used and preprocess.max_bad_examples allows 0:"
    )
    fix = f"make it a class or void in {tmp_path}/dataset.yaml"
    pixels = 8 * 40 * 56  # in all masks of their image's size
    assert lines == [
        "  - small: the mask is 56x40, the image 5x4",
        f"  - value 7 is in 3 masks ({100 * 3 * 1120 / pixels:.2g} % of all pixels), "
        f"as in x, y, z: {fix}",
        f"  - value 9 is in 1 mask ({100 * 8 / pixels:.2g} % of all pixels), as in z: {fix}",
    ]


def test_unknown_colours_are_summed_up_over_all_masks(tmp_path):
    folder = datasets.coloured(tmp_path / "mine")
    lines = refused(described(folder, DRAWN, COLOURED[1:]), tmp_path)
    assert len(lines) == 2
    assert lines[1].startswith(f"  - colour {datasets.COLOURS[0]} is in 12 masks (")
    assert "as in scene_00, scene_01, scene_02: make it a class or void in" in lines[1]


def test_masks_with_soft_edges_give_a_short_list_of_values(tmp_path):
    soft = np.tile(np.arange(0, 256, 4, np.uint8), (40, 1))
    for name in "abc":
        save(tmp_path, name, soft)
    lines = refused(described(tmp_path, DRAWN), tmp_path)
    assert len(lines) == 1 + 10 + 1
    assert lines[-1].startswith("  - 53 more values or colours, as in masks with soft edges")
    assert "for two classes, set a threshold" in lines[-1]
    found = examples(write(described(tmp_path, DRAWN, threshold=128), tmp_path / "again"))
    assert len(found) == 3
    assert all(0.45 < example.mask.mean() < 0.55 for example in found.values())


def test_masks_with_unknown_values_may_be_left_out(tmp_path):
    for number in range(20):
        save(tmp_path, f"{number}", halves(0, 255))
    save(tmp_path, "x", halves(0, 7))
    written = write(described(tmp_path, DRAWN), tmp_path, max_bad_examples=1)
    (entry,) = records.manifest(written)["left_out"]
    assert (entry["name"], entry["reason"]) == ("x", "the mask holds 7: neither classes nor void")
    assert "x" not in examples(written)


def test_an_image_with_exif_orientation_needs_an_upright_mask(tmp_path):
    for number, name in enumerate("abc"):
        save(tmp_path, name, halves(0, 255))
        upright = Image.fromarray(halves(number, 255)).convert("RGB")
        as_stored(upright, 6).save(tmp_path / f"images/{name}.png", exif=exif(6))
    written = write(described(tmp_path, DRAWN), tmp_path)
    for example in examples(written).values():
        np.testing.assert_array_equal(example.image[..., 0] > 127, example.mask == 1)
    assert len(records.manifest(written)["converted"]) == 3
    save(tmp_path, "d", halves(0, 255).T)
    as_stored(upright, 6).save(tmp_path / "images/d.png", exif=exif(6))
    (_, line) = refused(described(tmp_path, DRAWN), tmp_path / "again")
    assert line == (
        "  - d: the mask is 40x56, the image, turned upright (EXIF orientation 6), 56x40"
    )


def test_a_class_without_pixels_is_refused(tmp_path):
    folder = datasets.cells(tmp_path / "mine", 5)
    classes = [*CELL_CLASSES, {"name": "nucleus", "value": 3}, {"name": "wall", "value": 4}]
    (message,) = refused(described(folder, DRAWN, classes), tmp_path)
    assert message == (
        "no mask holds a pixel of nucleus, wall, an empty class, at image_size 32x64: correct its "
        f"value or colour in {folder}/dataset.yaml, or remove the class"
    )


def test_a_class_without_pixels_in_a_split_is_reported(tmp_path):
    for name, right in {"a": 1, "b": 2, "c": 1, "d": 0}.items():
        save(tmp_path, name, halves(0, right))
        (tmp_path / f"{name}.txt").write_text(name)
    splits = {"train": "a.txt", "validation": "b.txt", "test": "c.txt"}
    written = write(described(tmp_path, splits, ABC), tmp_path)
    assert preparation.absent_classes(records.manifest(written)) == [
        "the train split holds no pixel of c: it cannot be learnt",
        "the validation split holds no pixel of b: left out of that split's mean",
        "the test split holds no pixel of c: left out of that split's mean",
    ]


@pytest.mark.parametrize("without", [[], ["b", "c"]])
def test_masks_without_annotations_are_left_out_except_in_test(tmp_path, without):
    """Masks with only void, or, if `unlabelled_without` names classes, without any of these."""
    undrawn = halves(255, 255) if not without else halves(0, 255)
    (tmp_path / "images").mkdir()
    lists = {"train": ["a", "b"], "validation": ["c", "d"], "test": ["e", "f"]}
    for split, (drawn, other) in lists.items():
        mask = halves(1, 2)
        mask[:3] = 0
        save(tmp_path, drawn, mask)
        save(tmp_path, other, undrawn)
        (tmp_path / f"{split}.txt").write_text(f"{drawn}\n{other}\n")
    splits = {split: f"{split}.txt" for split in lists}
    dataset = described(tmp_path, splits, ABC, void=255, unlabelled_without=without)
    written = write(dataset, tmp_path)
    reason = f"its mask holds no pixel of {' or '.join(without)}"
    if not without:
        reason = "its mask holds nothing but void"
    assert records.manifest(written)["left_out"] == [
        {"name": "b", "split": "train", "reason": reason},
        {"name": "d", "split": "validation", "reason": reason},
    ]
    assert records.manifest(written)["splits"]["test"]["void_pixels"] > 0
    assert set(examples(written)) == {"a", "c", "e", "f"}
    kept = write(dataset, tmp_path / "kept", drop_unlabelled=False)
    assert set(examples(kept)) == set("abcdef")


def test_groups_stratify_splits_and_are_stored_in_records(tmp_path):
    rows = ["image,ward,patient"]
    for number in range(40):
        save(tmp_path, f"{number:02}", halves(0, 255), Image.new("L", (56, 40), number))
        rows.append(f"{number:02},{'north' if number % 4 else 'south'},{number // 2}")
    (tmp_path / "groups.csv").write_text("\n".join(rows))
    dataset = described(
        tmp_path, {"test": 0.2}, groups=["ward", "patient"], groups_file="groups.csv"
    )
    written = write(dataset, tmp_path)
    for split, count in {"train": 25, "validation": 7, "test": 8}.items():
        index = records.index(written, split)
        assert len(index) == count
        assert (index["ward"] == "south").sum() in (count // 4, count // 4 + 1)
        patients = [str(int(name) // 2) for name in index["name"]]
        assert list(index["patient"]) == patients


def test_the_same_image_twice_is_drawn_into_one_split(tmp_path):
    for number in range(20):
        image = Image.new("L", (56, 40), number // 2)
        save(tmp_path, f"{number:02}", halves(0, 255), image)
    written = write(described(tmp_path, {"test": 0.3}), tmp_path, validation_share=0.3)
    split_of = {
        name: split for split in records.SPLITS for name in records.index(written, split)["name"]
    }
    assert set(split_of.values()) == set(records.SPLITS)
    for number in range(0, 20, 2):
        assert split_of[f"{number:02}"] == split_of[f"{number + 1:02}"]


def test_splits_depend_only_on_the_seed(tmp_path):
    folder = datasets.cells(tmp_path / "mine")
    acquisition.bring(described(folder, DRAWN), tmp_path / "raw")
    held = []
    for run, seed in enumerate([1, 1, 2]):
        target = tmp_path / f"records {run}"
        write_records(tmp_path / "raw", target, seed=seed)
        held.append({s: set(records.index(target, s)["name"]) for s in records.SPLITS})
    assert held[0] == held[1]
    assert all(held[0][split] != held[2][split] for split in records.SPLITS)


def test_a_dataset_of_an_earlier_version_is_refused(tmp_path):
    (tmp_path / "raw").mkdir()
    with pytest.raises(PetsegError, match=r"dataset\.json is missing or damaged; get .* repro -f"):
        preparation.records_bytes(tmp_path / "raw", (32, 32))
