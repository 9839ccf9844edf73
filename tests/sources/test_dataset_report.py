"""The report describes a dataset without showing its images."""

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from petseg.core.dataset_spec import VOID
from petseg.sources import acquisition, dataset_report, facts, near_duplicates, preparation
from tests.helpers.dataset_files import described
from tests.helpers.datasets import write_pair
from tests.helpers.files import contents
from tests.helpers.raw import write_records

GREY = 0.4


def draw(folder: Path) -> None:
    """Eleven images, 90x60, one without a cell, and a small copy of the first for test."""
    random = np.random.default_rng(0)
    for number in range(12):
        coarse = random.normal(255 * GREY, 40, (6, 9, 3)).clip(0, 255).astype(np.uint8)
        image = Image.fromarray(coarse).resize((90, 60), Image.Resampling.BICUBIC)
        mask = np.zeros((60, 90), np.uint8)
        mask[:30, :45] = 255 * (number != 7)
        if number == 11:
            image, mask = Image.open(folder / "images/00.png").resize((45, 30)), mask[::2, ::2]
        write_pair(folder, f"{number:02d}", image, mask)
    (folder / "train.txt").write_text("\n".join(f"{n:02d}" for n in range(9)))
    (folder / "test.txt").write_text("09\n10\n11\n")


@pytest.fixture(scope="module")
def outcome(tmp_path_factory) -> preparation.Outcome:
    folder = tmp_path_factory.mktemp("report")
    draw(folder / "cells")
    splits = {"train": "train.txt", "test": "test.txt"}
    dataset = described(folder / "cells", splits, unlabelled_without=["cell"])
    acquisition.bring(dataset, folder / "raw")
    settings = {"image_size": (32, 64), "validation_share": 0.25}
    return write_records(folder / "raw", folder / "records", **settings)


@pytest.fixture(scope="module")
def tables(outcome) -> dict[str, pd.DataFrame]:
    return dataset_report.tables(outcome)


def test_class_shares_are_by_split_without_left_out_images(tables):
    found = tables["classes.csv"].set_index(["split", "class"])
    for split in ("train", "validation", "test"):
        assert found.loc[split, "cell"]["pixels"] == pytest.approx(0.25, abs=0.01)
        assert found.loc[split, "ground"]["pixels"] == pytest.approx(0.75, abs=0.01)
        assert (found.loc[split]["images"] == 1).all()


def test_images_are_counted_by_shape_and_brightness(tables):
    ratios, brightness = tables["aspect_ratios.csv"], tables["brightness.csv"]
    assert ratios["images"].sum() == brightness["images"].sum() == 11
    (row,) = ratios[ratios["images"] > 0].itertuples()
    assert float(row.aspect_ratio) == pytest.approx(1.5, abs=0.1)
    middles = brightness["brightness"].astype(float)
    assert (middles * brightness["images"]).sum() / 11 == pytest.approx(GREY, abs=0.05)


def test_copies_in_two_splits_are_found_at_any_size(tables):
    (pair,) = tables["near_duplicates.csv"].itertuples(index=False)
    assert pair[:2] == ("00", pair.split) and pair[2:4] == ("11", "test")
    assert pair.split in ("train", "validation") and pair.bits <= near_duplicates.DISTANCE


def test_pairs_with_a_left_out_image_come_last(outcome):
    first, *rest = outcome.images
    copy = rest[-1]._replace(name="copy")
    images = [first._replace(left_out=True), *rest, copy]
    found = dataset_report.tables(outcome._replace(images=images))["near_duplicates.csv"]
    assert set(found.iloc[0][["image", "other_image"]]) == {images[-2].name, "copy"}
    assert (found.iloc[1:] == "left out").any(axis=1).all() and len(found) == 3
    assert not dataset_report.across_splits(found).any()


def test_the_page_has_all_sections_and_shows_no_image(outcome, tables):
    page = dataset_report.page(outcome, tables)
    for text in ("cells", "32x64", "90x60", "near-duplicate", "00", "11", "75."):
        assert text in page.replace("Near", "near"), text
    assert re.search(r"<td>07</td><td>\w+</td><td>its mask holds no pixel of cell</td>", page)
    pictures = re.findall(r'src="data:image/png;base64,([^"]+)"', page)
    assert len(pictures) == page.count("<img") == 2  # heatmaps


def test_class_positions_are_summed_over_images(outcome):
    ground, cell = outcome.places
    np.testing.assert_allclose(ground + cell, 11)
    np.testing.assert_allclose(cell[:15, :15], 11)
    np.testing.assert_allclose(cell[17:], 0)


def test_class_positions_ignore_void():
    mask = np.full((64, 32), VOID, np.uint8)
    mask[:2, 0], mask[0, 1] = 1, 0
    found = facts.places(mask, 2)
    assert found[1, 0, 0] == 1 and found[0, 0, 1] == 0.5 and found.sum() == 1.5


def test_the_report_is_byte_identical_each_time(outcome, tmp_path):
    for run in ("a", "b"):
        dataset_report.write(outcome, tmp_path / run / "page", tmp_path / run / "tables")
    first, second = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert first == second and len(first) == 5


def brute_force(hashes: list[int]) -> set[tuple[int, int, int]]:
    return {
        (a, b, distance)
        for a in range(len(hashes))
        for b in range(a + 1, len(hashes))
        if (distance := (hashes[a] ^ hashes[b]).bit_count()) <= near_duplicates.DISTANCE
    }


def test_the_same_pairs_are_found_as_by_brute_force():
    random = np.random.default_rng(0)
    hashes = [int(value) for value in random.integers(0, 1 << 63, 60)]
    for value in hashes[:40]:
        flipped = random.choice(64, random.integers(0, 8), replace=False)
        hashes.append(value ^ sum(1 << int(bit) for bit in flipped))
    found = near_duplicates.find(hashes)
    assert set(map(tuple, found)) == brute_force(hashes) and len(found) > 10
    assert [pair.distance for pair in found] == sorted(pair.distance for pair in found)


def test_no_image_and_one_image_have_no_duplicates():
    assert near_duplicates.find([]) == near_duplicates.find([5]) == []


def test_a_hash_equals_the_phash_of_imagehash():
    import imagehash

    with io.BytesIO() as stream:
        Image.effect_mandelbrot((64, 64), (-2, -2, 2, 2), 50).convert("RGB").save(stream, "PNG")
        image = Image.open(stream).convert("RGB")
    known = facts.of_image((64, 64), np.asarray(image), np.zeros((64, 64), np.uint8), 2)
    assert f"{known.hash:016x}" == str(imagehash.phash(image))
    assert known.pixels == (64 * 64, 0)
