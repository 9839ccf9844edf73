"""Written records are read unchanged, and names and groups without reading pixels."""

import csv
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from petseg import records
from petseg.core.dataset_spec import VOID
from petseg.core.errors import PetsegError
from petseg.records.schema import parse, serialize
from tests.helpers.records import random_example, write_records
from tests.helpers.specs import CELLS, PETS, STREET

SIZE = (4, 6)


def assert_same(found, expected) -> None:
    assert len(found) == len(expected)
    for one, other in zip(found, expected, strict=True):
        assert (one.image.dtype, one.mask.dtype) == (np.uint8, np.uint8)
        assert np.array_equal(one.image, other.image)
        assert np.array_equal(one.mask, other.mask)
        assert one[2:] == other[2:]


def by_index(folder: Path, split: str) -> list[records.Example]:
    """Parses the examples of a split from the bytes that the index points to."""
    size = records.image_size(folder)
    found = []
    for row in records.index(folder, split).itertuples():
        data = (folder / row.shard).read_bytes()[row.offset : row.offset + row.length]
        found.append(parse(data, size))
    return found


NO_NUL = st.characters(codec="utf-8", exclude_characters="\0")
"""Characters of names and groups, which come from file names and tables."""
TEXTS = st.text(NO_NUL) | st.text("\r\n\t\"', NA01")


@st.composite
def same_sized_examples(draw):
    """Draws a spec, a height and width, and examples with any texts as groups."""
    spec = draw(st.sampled_from([PETS, STREET, CELLS]))
    size = draw(st.tuples(st.integers(1, 8), st.integers(1, 8)))
    one = st.builds(
        records.Example,
        image=arrays(np.uint8, (*size, 3)),
        mask=arrays(np.uint8, size, elements=st.integers(0, len(spec.classes) - 1) | st.just(VOID)),
        name=TEXTS,
        groups=st.tuples(*(TEXTS for _ in spec.groups)),
    )
    return spec, size, draw(st.lists(one, min_size=1, max_size=5))


@settings(max_examples=50, deadline=None)
@given(same_sized_examples())
def test_serialize_and_parse_round_trip(sized):
    _, size, examples = sized
    assert_same([parse(serialize(one), size) for one in examples], examples)


@settings(max_examples=20, deadline=None)
@given(same_sized_examples(), st.integers(1, 3))
def test_written_records_are_read_unchanged(sized, shard_examples):
    spec, size, examples = sized
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        splits = {"train": examples}
        options = {"image_size": size, "spec": spec, "shard_examples": shard_examples}
        write_records(folder, splits, **options)
        records.verify(folder, ("train",))
        assert_same(list(records.read(folder, "train")), examples)
        assert_same(by_index(folder, "train"), examples)
        table = records.index(folder, "train")
        texts = table[["name", *spec.groups]]
        expected = [(one.name, *one.groups) for one in examples]
        assert list(texts.itertuples(index=False, name=None)) == expected


def test_load_from_path_with_spaces_and_non_ascii_letters(tmp_path):
    folder = tmp_path / "Räume für Tiere 犬"
    examples = [random_example(name, SIZE) for name in ("Müller 犬", "b", "a")]
    write_records(folder, {"test": examples}, image_size=SIZE)
    records.verify(folder, ("test",))
    images, masks = records.load(folder, "test")
    np.testing.assert_array_equal(images, [one.image for one in examples])
    np.testing.assert_array_equal(masks, [one.mask for one in examples])
    np.testing.assert_array_equal(list(records.masks(folder, "test")), masks)
    assert_same(by_index(folder, "test"), examples)


def test_index_is_read_without_shards(tmp_path):
    names = [f"{letter}_{number}" for letter in "ab" for number in range(3)]
    examples = [random_example(name, SIZE) for name in names]
    write_records(tmp_path, {"train": examples}, image_size=SIZE)
    for shard in tmp_path.glob("*.tfrecord"):
        shard.unlink()
    table = records.index(tmp_path, "train")
    assert list(table["name"]) == names
    for column, group in enumerate(PETS.groups):
        assert list(table[group]) == [one.groups[column] for one in examples]
    assert list(table["shard"]) == [f"train-0000{number // 2}.tfrecord" for number in range(6)]


def test_index_is_standard_csv(tmp_path):
    """Python's csv module reads it: a row for each example, in order."""
    examples = [random_example(name, SIZE) for name in ("plain", "a,b", '"quoted"')]
    write_records(tmp_path, {"test": examples}, image_size=SIZE, shard_examples=3)
    with open(tmp_path / "test-00000.csv", newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [row["name"] for row in rows] == [one.name for one in examples]
    assert list(rows[0]) == ["name", "breed", "species", "offset", "length"]


def test_empty_split_has_empty_index(tmp_path):
    write_records(tmp_path, {"train": [random_example("a", SIZE)], "test": []}, image_size=SIZE)
    empty, filled = (records.index(tmp_path, split) for split in ("test", "train"))
    assert len(empty) == 0
    assert list(empty.columns) == ["name", "breed", "species", "shard", "offset", "length"]
    assert set(empty.columns) == set(filled.columns)
    assert list(records.read(tmp_path, "test")) == []
    assert records.load(tmp_path, "test").images.shape == (0, *SIZE, 3)


def test_index_without_groups_has_only_names(tmp_path):
    example = random_example("a", SIZE, CELLS)
    write_records(tmp_path, {"train": [example], "test": []}, image_size=SIZE, spec=CELLS)
    for split in ("train", "test"):
        columns = list(records.index(tmp_path, split).columns)
        assert sorted(columns) == ["length", "name", "offset", "shard"]


def test_reading_without_manifest_is_refused(tmp_path):
    for use in (records.index, records.load):
        with pytest.raises(PetsegError, match=r"manifest\.json is missing or damaged"):
            use(tmp_path, "train")
