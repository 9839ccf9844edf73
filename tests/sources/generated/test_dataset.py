"""Generated pets: layout, masks, reproducibility."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg.core.errors import PetsegError
from petseg.sources.generated.breeds import CAT, DOG
from petseg.sources.generated.dataset import write_dataset
from petseg.sources.generated.drawing import BACKGROUND, BORDER, PET
from tests.helpers.files import contents

TRAIN, TEST, SIZE, SEED = 80, 37, 48, 7


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("pets") / "generated"
    write_dataset(folder, train=TRAIN, test=TEST, image_size=SIZE, seed=SEED)
    return folder


def read_list(folder: Path, name: str) -> dict[str, tuple[int, int, int]]:
    """Returns image name -> class, species and breed number."""
    lines = (folder / "annotations" / f"{name}.txt").read_text().splitlines()
    rows = [line.split(" ") for line in lines if not line.startswith("#")]
    assert len({row[0] for row in rows}) == len(rows)
    return {row[0]: tuple(map(int, row[1:])) for row in rows}


def trimaps(folder: Path) -> list[np.ndarray]:
    return [np.array(Image.open(path)) for path in (folder / "annotations/trimaps").iterdir()]


def test_the_lists_match_the_images(dataset):
    train, test = read_list(dataset, "trainval"), read_list(dataset, "test")
    assert (len(train), len(test)) == (TRAIN, TEST)
    assert not train.keys() & test.keys()
    assert read_list(dataset, "list") == train | test
    assert {path.stem for path in (dataset / "images").glob("*.jpg")} == train.keys() | test.keys()
    expected = {f"images/{name}.jpg" for name in train | test}
    expected |= {f"annotations/trimaps/{name}.png" for name in train | test}
    expected |= {f"annotations/{name}.txt" for name in ("trainval", "test", "list")}
    assert contents(dataset).keys() == expected


def test_class_numbers_match_the_original_lists(dataset):
    ids = {name.rpartition("_")[0]: row for name, row in read_list(dataset, "list").items()}
    assert len(ids) == 37
    assert ids["Abyssinian"] == (1, CAT, 1)
    assert ids["american_bulldog"] == (2, DOG, 1)
    assert ids["Bengal"] == (6, CAT, 2)
    assert ids["Sphynx"] == (34, CAT, 12)
    assert ids["yorkshire_terrier"] == (37, DOG, 25)


@pytest.mark.parametrize("split", ["trainval", "test"])
def test_breeds_are_balanced(dataset, split):
    counts = Counter(class_id for class_id, _, _ in read_list(dataset, split).values())
    assert set(counts) == set(range(1, 38))
    assert max(counts.values()) - min(counts.values()) <= 1


def test_images_match_their_trimaps_and_vary_in_shape(dataset):
    shapes = set()
    for path in (dataset / "images").iterdir():
        with Image.open(path) as image:
            trimap = Image.open(dataset / "annotations/trimaps" / f"{path.stem}.png")
            assert (image.format, image.mode) == ("JPEG", "RGB")
            assert (trimap.format, trimap.mode) == ("PNG", "L")
            assert image.size == trimap.size
            assert SIZE <= min(image.size) <= max(image.size) <= 1.5 * SIZE
            shapes.add(np.sign(image.width - image.height))
    assert {-1, 1} <= shapes


def test_trimaps_hold_all_classes_in_realistic_shares(dataset):
    masks = trimaps(dataset)
    assert all(np.unique(mask).tolist() == [PET, BACKGROUND, BORDER] for mask in masks)
    pet, background, border = (np.mean([np.mean(m == value) for m in masks]) for value in (1, 2, 3))
    assert 0.25 < pet < 0.40
    assert 0.48 < background < 0.65
    assert 0.09 < border < 0.15
    assert all(0.08 < np.mean(mask == 1) < 0.85 for mask in masks)


def test_the_border_separates_pet_from_background(dataset):
    for mask in trimaps(dataset):
        for first, second in ((mask[1:], mask[:-1]), (mask[:, 1:], mask[:, :-1])):
            assert not np.any(first * second == 2)  # 1 * 2 only if pet and background touch


def test_an_image_depends_only_on_seed_and_name(dataset, tmp_path):
    write_dataset(tmp_path / "same", train=TRAIN, test=TEST, image_size=SIZE, seed=SEED)
    assert contents(tmp_path / "same") == contents(dataset)
    write_dataset(tmp_path / "few", train=3, test=2, image_size=SIZE, seed=SEED)
    few = {name: data for name, data in contents(tmp_path / "few").items() if name[-3:] != "txt"}
    assert len(few) == 10
    assert few.items() <= contents(dataset).items()


def test_another_seed_draws_other_images(tmp_path):
    for seed in (1, 2):
        write_dataset(tmp_path / str(seed), train=1, test=1, image_size=SIZE, seed=seed)
    name = "images/Abyssinian_1.jpg"
    assert (tmp_path / "1" / name).read_bytes() != (tmp_path / "2" / name).read_bytes()


@pytest.mark.parametrize(
    "wrong",
    [{"train": 0}, {"test": 0}, {"image_size": 8}, {"seed": -1}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_invalid_numbers_are_refused(tmp_path, wrong):
    numbers = {"train": 1, "test": 1, "image_size": SIZE, "seed": 0} | wrong
    with pytest.raises(PetsegError, match=next(iter(wrong))):
        write_dataset(tmp_path / "pets", **numbers)
    assert not (tmp_path / "pets").exists()


def test_only_generated_pets_are_replaced(tmp_path):
    numbers = {"train": 1, "test": 1, "image_size": SIZE, "seed": 0}
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "cat.jpg").write_bytes(b"dear to me")
    for folder in (tmp_path / "mine", tmp_path / "mine" / "cat.jpg"):
        with pytest.raises(PetsegError, match="contains something other"):
            write_dataset(folder, **numbers)
    assert (tmp_path / "mine" / "cat.jpg").read_bytes() == b"dear to me"

    (tmp_path / "pets").mkdir()
    for count in (3, 2):
        write_dataset(tmp_path / "pets", **numbers | {"train": count})
        assert len(list((tmp_path / "pets" / "images").iterdir())) == count + 1


def test_pets_generated_by_an_earlier_version_are_replaced(tmp_path):
    numbers = {"train": 1, "test": 1, "image_size": SIZE, "seed": 0}
    write_dataset(tmp_path, **numbers)
    names = tmp_path / "annotations" / "list.txt"
    written = names.read_text()
    _, lines = written.split(",", 1)
    names.write_text(f"#Drawn by petseg.sources.synthetic,{lines}")
    write_dataset(tmp_path, **numbers)
    assert names.read_text() == written
