"""Records contain every image, split and resized, except those left out."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg import records
from petseg.core.dataset_spec import VOID
from petseg.core.errors import PetsegError
from petseg.core.files import read_json
from petseg.sources import oxford_pets, preparation, splits
from petseg.sources.generated.dataset import write_dataset
from petseg.sources.prepared import prepare, resize
from petseg.sources.raw import RawExample, open_raw
from tests.helpers.files import contents
from tests.helpers.images import as_stored, exif
from tests.helpers.raw import SETTINGS, prepared_pets, write_records
from tests.helpers.specs import PETS

TRAIN, TEST, SIZE = 3 * 37, 37, 32


def prepared(drawings: Path) -> Path:
    """Prepares drawings with TFDS, next to them."""
    return prepared_pets(drawings, drawings.with_name(f"{drawings.name} prepared"))


def write(raw: Path, folder: Path, **changes) -> dict:
    """Writes records of which validation takes one of the three images of each breed."""
    return write_records(raw, folder, **({"validation_share": 0.4} | changes)).manifest


def names(folder: Path, split: str) -> set[str]:
    return set(records.index(folder, split)["name"])


def jpg(drawings: Path, name: str) -> Path:
    return drawings / "images" / f"{name}.jpg"


def png(drawings: Path, name: str) -> Path:
    return drawings / "annotations" / "trimaps" / f"{name}.png"


@pytest.fixture(scope="module")
def drawings(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pets") / "drawings"
    write_dataset(folder, train=TRAIN, test=TEST, image_size=SIZE, seed=1)
    return folder


@pytest.fixture(scope="module")
def raw(drawings) -> Path:
    return prepared(drawings)


@pytest.fixture(scope="module")
def written(raw, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("records") / "records"
    write(raw, folder)
    return folder


@pytest.fixture(scope="module")
def flawed(drawings, tmp_path_factory) -> Path:
    """Numbers 1 to 3 of a breed are in the training split, 4 in test."""
    folder = tmp_path_factory.mktemp("flawed") / "drawings"
    shutil.copytree(drawings, folder)
    image = jpg(folder, "Abyssinian_1")
    image.write_bytes(image.read_bytes()[:-100])
    mask = Image.open(png(folder, "Bengal_4"))
    mask.resize((20, 20), Image.Resampling.NEAREST).save(png(folder, "Bengal_4"))
    for number in range(1, 4):
        path = jpg(folder, f"pug_{number}")
        Image.open(path).save(path, "PNG")
    Image.open(jpg(folder, "Sphynx_4")).convert("L").save(jpg(folder, "Sphynx_4"))
    for number in range(1, 5):
        path = png(folder, f"boxer_{number}")
        Image.new("L", Image.open(path).size, 2).save(path)
    return prepared(folder)


@pytest.fixture(scope="module")
def flawed_kept(flawed, tmp_path_factory) -> Path:
    """Includes masks without a pet."""
    folder = tmp_path_factory.mktemp("records") / "kept"
    write(flawed, folder, max_bad_examples=2, drop_unlabelled=False)
    return folder


@pytest.fixture(scope="module")
def flawed_dropped(flawed, tmp_path_factory) -> Path:
    """Excludes masks without a pet."""
    folder = tmp_path_factory.mktemp("records") / "dropped"
    manifest = write(flawed, folder, max_bad_examples=2, drop_unlabelled=True)
    assert read_json(folder / records.MANIFEST) == manifest
    return folder


def test_the_manifest_counts_match_the_records(written):
    manifest = records.verify(written)
    assert manifest["image_size"] == [SIZE, SIZE]
    assert records.spec(written) == PETS
    assert (manifest["left_out"], manifest["converted"]) == ([], [])
    for split, count in {"train": 74, "validation": 37, "test": 37}.items():
        examples = records.load(written, split)
        entry = manifest["splits"][split]
        assert entry["examples"] == len(examples.images) == len(names(written, split)) == count
        assert max(shard["examples"] for shard in entry["shards"]) <= SETTINGS["shard_examples"]
        assert entry["void_pixels"] == 0
        pixels = np.bincount(examples.masks.ravel(), minlength=3)
        assert list(entry["class_pixels"].items()) == list(
            zip(("pet", "background", "border"), pixels.tolist(), strict=True)
        )


def test_records_hold_the_resized_images_and_masks(written, drawings):
    for split in records.SPLITS:
        for example in records.read(written, split):
            breed = example.name.rpartition("_")[0]
            assert example.groups == (breed, "cat" if breed[0].isupper() else "dog")
            original = Image.open(jpg(drawings, example.name))
            expected = original.resize((SIZE, SIZE), Image.Resampling.BILINEAR)
            assert np.array_equal(example.image, expected)
            mask = np.asarray(Image.open(png(drawings, example.name)))
            rows, columns = (
                ((np.arange(SIZE) + 0.5) * side / SIZE).astype(int) for side in mask.shape
            )
            assert np.array_equal(example.mask, mask[np.ix_(rows, columns)] - 1)
            assert set(np.unique(example.mask)) == {0, 1, 2}


def test_images_are_resized_with_antialiasing():
    columns = np.tile(np.array([0, 0, 70, 210], np.uint8), (4, 1))
    image = Image.fromarray(np.stack([columns] * 3, axis=-1))
    mask = np.full((4, 4), 2, np.uint8)
    # A triangle filter four pixels wide weights the nearest by 3/7, 3/7 and 1/7.
    small, labels = resize(image, mask, (2, 2))
    assert small.tolist() == [[[10] * 3, [120] * 3]] * 2
    assert (labels.dtype, labels.tolist()) == (np.uint8, [[2, 2], [2, 2]])


@pytest.mark.parametrize("size", [(1, 1), (3, 2), (7, 7), (6, 16)])
def test_resizing_does_not_mix_labels(size):
    labels = np.array([[0, 2, 0, VOID, 2], [2, 0, 1, 0, 0], [1, VOID, 2, 2, 0]], np.uint8)
    image, small = resize(Image.new("RGB", (5, 3)), labels, size)
    assert (image.shape, image.dtype) == ((*size, 3), np.uint8)
    assert (small.shape, small.dtype) == (size, np.uint8)
    assert set(small.ravel().tolist()) <= {0, 1, 2, VOID}
    if min(size) > 5:
        assert set(small.ravel().tolist()) == {0, 1, 2, VOID}


def test_the_official_test_split_is_complete(written, raw):
    assert names(written, "test") == {key.name for key in open_raw(raw).keys("test")}


def test_train_and_validation_divide_the_official_train_split(written, raw):
    keys = open_raw(raw).keys("train")
    train, validation = names(written, "train"), names(written, "validation")
    assert not train & validation
    assert train | validation == {key.name for key in keys}
    assert validation == splits.draw(keys, {"validation": 0.4}, seed=1).keys()
    breeds = records.index(written, "validation")["breed"]
    assert sorted(breeds) == sorted(oxford_pets.BREEDS)


def test_two_runs_write_the_same_bytes(raw, written, tmp_path):
    write(raw, tmp_path / "again")
    assert contents(tmp_path / "again") == contents(written)


def test_all_bad_examples_are_listed_together(flawed, tmp_path):
    with pytest.raises(PetsegError) as caught:
        write(flawed, tmp_path / "records", max_bad_examples=1)
    headline, *lines = str(caught.value).splitlines()
    assert headline.startswith("2 images or masks cannot be used")
    assert headline.endswith("preprocess.max_bad_examples allows 1:")
    assert sorted(lines)[0].startswith("  - Abyssinian_1: the photograph cannot be decoded: ")
    assert sorted(lines)[1].startswith("  - Bengal_4: the mask is 20x20, the image ")
    assert len(lines) == 2
    assert not (tmp_path / "records" / records.MANIFEST).exists()


def test_bad_examples_within_the_limit_are_left_out(flawed_kept):
    left_out = records.manifest(flawed_kept)["left_out"]
    photograph, mask = sorted(left_out, key=lambda entry: entry["name"])
    assert (photograph["name"], mask["name"]) == ("Abyssinian_1", "Bengal_4")
    assert photograph["split"] in ("train", "validation")
    assert photograph["reason"].startswith("the photograph cannot be decoded")
    assert mask["split"] == "test"
    assert mask["reason"].startswith("the mask is 20x20")
    everything = set().union(*(names(flawed_kept, split) for split in records.SPLITS))
    assert len(everything) == TRAIN + TEST - 2
    assert not everything & {"Abyssinian_1", "Bengal_4"}


def test_converted_images_are_used_and_recorded(flawed_dropped, drawings):
    converted = {e["name"]: e for e in records.manifest(flawed_dropped)["converted"]}
    assert {name: entry["from"] for name, entry in converted.items()} == {
        "pug_1": "PNG file",
        "pug_2": "PNG file",
        "pug_3": "PNG file",
        "Sphynx_4": "L colours",
    }
    assert {entry["split"] for entry in converted.values()} == set(records.SPLITS)
    for name, entry in converted.items():
        examples = records.read(flawed_dropped, entry["split"])
        found = next(example for example in examples if example.name == name)
        if entry["from"] == "PNG file":
            image, mask = (Image.open(path(drawings, name)) for path in (jpg, png))
            assert np.array_equal(found.image, resize(image, np.array(mask), (SIZE, SIZE))[0])
        else:
            assert np.array_equal(found.image[..., 0], found.image[..., 2])


def test_masks_without_a_pet_are_left_out_except_in_the_test_split(flawed_kept, flawed_dropped):
    petless = {f"boxer_{number}" for number in (1, 2, 3)}
    for split, count in {"train": 2, "validation": 1}.items():
        left_out = names(flawed_kept, split) & petless
        assert len(left_out) == count
        assert names(flawed_dropped, split) == names(flawed_kept, split) - petless
        reported = {
            entry["name"]
            for entry in records.manifest(flawed_dropped)["left_out"]
            if entry["split"] == split and entry["reason"] == "its mask holds no pixel of pet"
        }
        assert reported == left_out
    assert names(flawed_dropped, "test") == names(flawed_kept, "test")
    assert "boxer_4" in names(flawed_dropped, "test")


def test_named_images_are_left_out_except_in_the_test_split(drawings, written, tmp_path):
    """Even a damaged one; others stay in their split."""
    copy = shutil.copytree(drawings, tmp_path / "drawings")
    cut(jpg(copy, "pug_1"))
    leave_out = ["pug_1", "boxer_1", "boxer_2", "boxer_3", "boxer_4", "boxer_5000"]
    raw = prepared_pets(copy, tmp_path / "raw", leave_out)
    manifest = write(raw, tmp_path / "records")
    for split in ("train", "validation"):
        expected = names(written, split) & set(leave_out)
        assert names(tmp_path / "records", split) == names(written, split) - expected
        found = {e["name"] for e in manifest["left_out"] if e["split"] == split}
        assert found == expected and expected
    assert names(tmp_path / "records", "test") == names(written, "test")
    assert all(e["reason"].endswith("dataset.yaml says so") for e in manifest["left_out"])
    (sentence,) = preparation.not_left_out(raw, manifest)
    assert sentence.endswith(
        "2 names that no training or validation image has: boxer_4, boxer_5000"
    )
    assert not preparation.not_left_out(
        raw, manifest | {"left_out": [{"name": n} for n in leave_out]}
    )


def save_as(file_format: str, mode: str):
    def change(path: Path) -> None:
        Image.open(path).convert(mode).save(path, file_format)

    return change


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def recolour(path: Path) -> None:
    Image.fromarray(np.asarray(Image.open(path)) + 1).save(path)


def turn(path: Path) -> None:
    """Sets only the EXIF orientation."""
    Image.open(path).save(path, exif=exif(6), quality=95)


def store_on_its_side(path: Path) -> None:
    """Stores it rotated with a matching EXIF orientation, as cameras do."""
    as_stored(Image.open(path), 6).save(path, exif=exif(6), quality=95)


UNUSABLE = {
    "Abyssinian_1": (jpg, cut, "the photograph cannot be decoded: "),
    "Bengal_1": (jpg, lambda path: path.write_bytes(b""), "the photograph is an empty file"),
    "Birman_1": (jpg, lambda path: path.write_text("no"), "the photograph is not an image"),
    "Bombay_4": (png, cut, "the mask cannot be decoded: "),
    "boxer_1": (png, lambda path: path.write_bytes(b""), "the mask is an empty file"),
    "pug_2": (png, lambda path: Image.new("L", (5, 4), 1).save(path), "the mask is 5x4, the image"),
    "Persian_1": (png, recolour, None),
    "samoyed_1": (png, save_as("PNG", "RGB"), "the mask is not one channel of values, but RGB"),
    "havanese_1": (jpg, turn, "the mask is 46x36, the image, turned upright (EXIF"),
}
CONVERTED = {
    "Ragdoll_1": (save_as("PNG", "RGB"), "PNG file"),
    "Siamese_1": (save_as("PNG", "RGBA"), "PNG file with RGBA colours"),
    "Sphynx_1": (save_as("JPEG", "CMYK"), "CMYK colours"),
    "keeshond_1": (save_as("JPEG", "L"), "L colours"),
    "Egyptian_Mau_4": (save_as("PNG", "L"), "PNG file with L colours"),
    "beagle_1": (store_on_its_side, "EXIF orientation 6"),
}


def test_every_file_fault_is_listed_or_converted(drawings, tmp_path):
    folder = shutil.copytree(drawings, tmp_path / "drawings")
    for name, (path, damage, _) in UNUSABLE.items():
        damage(path(folder, name))
    for name, (change, _) in CONVERTED.items():
        change(jpg(folder, name))
    raw = prepared(folder)
    with pytest.raises(PetsegError) as caught:
        write(raw, tmp_path / "refused", max_bad_examples=len(UNUSABLE) - 1)
    headline, *lines = str(caught.value).splitlines()
    assert headline.startswith(f"{len(UNUSABLE)} images or masks cannot be used")
    assert len(lines) == len(UNUSABLE)
    for name, (_, _, reason) in UNUSABLE.items():
        reported = f"  - {name}: {reason}" if reason else "  - value 4 is in 1 mask ("
        assert any(line.startswith(reported) for line in lines), name

    manifest = write(raw, tmp_path / "allowed", max_bad_examples=len(UNUSABLE))
    assert {entry["name"] for entry in manifest["left_out"]} == UNUSABLE.keys()
    assert {entry["name"]: entry["from"] for entry in manifest["converted"]} == {
        name: text for name, (_, text) in CONVERTED.items()
    }
    upright = Image.open(jpg(drawings, "beagle_1"))
    expected = np.asarray(upright.resize((SIZE, SIZE), Image.Resampling.BILINEAR), int)
    (found,) = (
        example.image
        for split in records.SPLITS
        for example in records.read(tmp_path / "allowed", split)
        if example.name == "beagle_1"
    )
    assert np.abs(found - expected).mean() < 4  # JPEG changes pixels slightly


def test_a_square_image_is_turned_upright_to_match_its_mask(tmp_path):
    """The size does not show the orientation: the mask belongs to the upright image."""
    corner = np.full((40, 40), 2, np.uint8)
    corner[:20, :20] = 1
    picture = Image.fromarray(np.where(corner == 1, np.uint8(255), np.uint8(0))).convert("RGB")
    path = tmp_path / "a.jpg"
    picture.save(path, quality=95)
    store_on_its_side(path)
    Image.fromarray(corner).save(tmp_path / "a.png")
    raw = RawExample("a", (), path.read_bytes(), (tmp_path / "a.png").read_bytes())
    example = prepare(raw, (8, 8), PETS)
    assert example.converted == "EXIF orientation 6"
    np.testing.assert_array_equal(example.example.image[..., 0] > 127, example.example.mask == 0)


def test_a_name_in_both_official_splits_is_refused(raw, tmp_path, monkeypatch):
    keys = oxford_pets.keys
    monkeypatch.setattr(oxford_pets, "keys", lambda raw, *_: keys(raw, "test", ()))
    with pytest.raises(PetsegError, match=r"\w+_4 is in the splits train and test"):
        write(raw, tmp_path / "records")


def test_the_size_of_the_records_is_predicted(raw, written):
    size = sum(path.stat().st_size for path in written.glob("*.tfrecord"))
    assert size * 0.9 < preparation.records_bytes(raw, (SIZE, SIZE)) <= size


def test_an_empty_split_is_refused(raw, tmp_path):
    with pytest.raises(PetsegError, match="the train split would be empty") as caught:
        write(raw, tmp_path / "records", validation_share=0.99)
    assert "preprocess.validation_share" in str(caught.value)
    assert not (tmp_path / "records" / records.MANIFEST).exists()
