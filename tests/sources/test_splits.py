"""Splits depend on names and seed, are stratified, and keep identical images together."""

from collections import Counter
from hashlib import sha256

import pytest

from petseg.core.errors import PetsegError
from petseg.sources.raw_example import Key
from petseg.sources.splits import draw


def key(name: str, stratum: str = "", digest: str | None = None) -> Key:
    return Key(name, stratum, digest or name)


KEYS = [key(f"{breed}_{n}", str(breed)) for breed in range(6) for n in range(10 + 3 * breed)]


def validation(keys: list[Key], share: float, seed: int = 3) -> set[str]:
    return set(draw(keys, {"validation": share}, seed))


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.9])
def test_validation_takes_its_share_of_each_breed(share):
    counts = Counter(name.split("_")[0] for name in validation(KEYS, share))
    for breed in range(6):
        assert abs(counts[str(breed)] - share * (10 + 3 * breed)) <= 0.5


def test_validation_is_the_published_split():
    """Each breed's smallest hashes: published scores use this split."""
    expected = set()
    for breed in range(6):
        names = [one.name for one in KEYS if one.stratum == str(breed)]
        names.sort(key=lambda name: sha256(f"42 {name}".encode()).digest())
        expected.update(names[: round(0.3 * len(names))])
    assert validation(KEYS, 0.3, seed=42) == expected


def test_validation_depends_only_on_the_seed_and_names_of_a_breed():
    chosen = validation(KEYS, 0.3)
    assert validation(KEYS[::-1], 0.3) == chosen
    assert validation(KEYS, 0.3, seed=4) != chosen
    without_first = [one for one in KEYS if one.stratum != "0"]
    fewer = validation(without_first, 0.3)
    assert fewer == {name for name in chosen if not name.startswith("0_")}


@pytest.mark.parametrize("other_breed", ["0", "1"])
def test_a_duplicated_name_is_refused(other_breed):
    twice = [key(name, "0") for name in "abcc"] + [key(name, other_breed) for name in "b"]
    with pytest.raises(PetsegError, match=r"are duplicated in the training split: b, c$"):
        validation(twice, 0.5)


def test_the_test_split_is_drawn_first_and_validation_from_the_rest():
    keys = [key(f"image {n}") for n in range(100)]
    drawn = draw(keys, {"test": 0.2, "validation": 0.1}, seed=7)
    assert Counter(drawn.values()) == {"test": 20, "validation": 8}
    tested = {name for name, split in drawn.items() if split == "test"}
    assert tested == set(draw(keys, {"test": 0.2}, seed=7))
    assert tested != validation(keys, 0.2, seed=7)
    rest = [one for one in keys if one.name not in tested]
    assert drawn.keys() - tested == validation(rest, 0.1, seed=7)


@pytest.mark.parametrize("strata", [1, 3])
def test_of_three_images_each_split_takes_one(strata):
    keys = [key(name, str(number % strata)) for number, name in enumerate("abc")]
    drawn = draw(keys, {"test": 0.1, "validation": 0.1}, seed=0)
    assert sorted(drawn.values()) == ["test", "validation"]


def test_the_last_image_stays_in_training():
    assert draw([key("a")], {"test": 0.2, "validation": 0.1}, seed=0) == {}
    assert list(draw([key("a"), key("b")], {"test": 0.2, "validation": 0.1}, 0).values()) == [
        "test"
    ]


def test_small_strata_are_combined():
    keys = [key(f"{n}", f"patient {n // 2}") for n in range(60)] + KEYS
    chosen = validation(keys, 0.2)
    assert sum("_" not in name for name in chosen) == 12
    assert {name for name in chosen if "_" in name} == validation(KEYS, 0.2)


@pytest.mark.parametrize("seed", range(20))
def test_identical_images_stay_in_one_split(seed):
    keys = [key(f"{n}", str(n % 2), digest=str(n // 4)) for n in range(40)]
    drawn = draw(keys, {"test": 0.2, "validation": 0.2}, seed)
    splits = [{drawn.get(f"{4 * n + i}") for i in range(4)} for n in range(10)]
    assert all(len(held) == 1 for held in splits)
    assert Counter(drawn.values()) == {"test": 8, "validation": 8}
