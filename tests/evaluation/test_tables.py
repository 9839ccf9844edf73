"""Tables contain pixel counts, from which all scores follow."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from petseg.core.dataset_spec import DatasetSpec, parse_spec
from petseg.core.files import write_csv
from petseg.evaluation import tables
from petseg.evaluation.result import Counter, Result
from petseg.metrics import calibration, scores
from tests.helpers.marks import without_warnings
from tests.helpers.specs import CELLS, PETS, STREET

BREEDS = ["beagle", "Abyssinian", "beagle"]
GROUPS = {"breed": BREEDS, "species": ["dog", "cat", "dog"], "city": ["Ulm", "Bonn", "Ulm"]}
SPECS = pytest.mark.parametrize("spec", [PETS, CELLS, STREET], ids=lambda spec: spec.name)

DOTTED = parse_spec(
    {
        "name": "dotted",
        "classes": [{"name": name, "value": v} for v, name in enumerate(["a.b", "a", "class.a"])],
        "regions": {"a.truth": ["a", "a.b"], "region.a": ["a"]},
        "groups": ["network", "mean_iou", "class.a.hits"],
    },
    "dotted",
)
"""Names that look like each other, or like columns of a table."""


def results(spec: DatasetSpec, seed: int = 0) -> Result:
    classes = len(spec.classes)
    rng, counters = np.random.default_rng(seed), (Counter(spec), Counter(spec))
    for counter in counters:
        counter.add(rng.integers(1, 50, (3, classes, classes)))
    original, in_records = (counter.counted() for counter in counters)
    near_outlines = original.counts - original.counts // 3
    reliability = rng.uniform(0, 9, (2, 15, 3))
    return Result(original, in_records, near_outlines, np.array([0.1, 0.2, 0.6]), reliability, 1.5)


def per_image(spec: DatasetSpec, result: Result, network: str = "unet") -> pd.DataFrame:
    names = ["beagle_1", "Abyssinian_2", "beagle_3"]
    groups = {group: GROUPS.get(group, BREEDS) for group in spec.groups}
    return tables.per_image(network, pd.DataFrame({"name": names} | groups), result, spec)


def stored(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    """Writes and reads a table."""
    write_csv(folder / "table.csv", table)
    return pd.read_csv(folder / "table.csv")


@pytest.mark.parametrize("spec", [PETS, CELLS, STREET, DOTTED], ids=lambda spec: spec.name)
def test_per_image_keeps_groups_and_counts(tmp_path, spec):
    result = results(spec)
    table = stored(per_image(spec, result), tmp_path)
    classes = len(spec.classes)
    for counted, prefix in ((result.original, ""), (result.in_records, tables.AT_RECORDS_SIZE)):
        counts = counted.counts
        columns = {f"{prefix}{name}": name for name in table.columns if prefix + name in table}
        found = table[list(columns)].rename(columns=columns)
        np.testing.assert_array_equal(tables.counts(found), counts[:, :classes])
        regions = tables.counts(found, tables.REGION)
        np.testing.assert_array_equal(regions, counts[:, classes:])
        np.testing.assert_allclose(found["mean_iou"], scores.mean_iou(counts[:, :classes]))
    assert tables.names(table, tables.CLASS) == list(spec.class_names)
    assert tables.names(table, tables.REGION) == list(spec.regions)
    assert tables.names(table, tables.GROUP) == list(spec.groups)
    for group in spec.groups:
        assert list(table[f"group.{group}"]) == GROUPS.get(group, BREEDS)
    np.testing.assert_allclose(table["at_records_size.cross_entropy"], result.cross_entropy)


@pytest.mark.parametrize("spec", [PETS, CELLS, STREET, DOTTED], ids=lambda spec: spec.name)
def test_at_records_size_returns_the_table_of_the_records_masks(tmp_path, spec):
    result = results(spec)
    table = stored(per_image(spec, result), tmp_path)
    found = tables.at_records_size(table)
    np.testing.assert_array_equal(tables.all_counts(table), result.original.counts)
    np.testing.assert_array_equal(tables.all_counts(found), result.in_records.counts)
    np.testing.assert_allclose(found["cross_entropy"], result.cross_entropy)
    assert set(found) == set(per_image(spec, result)) - {
        name for name in table if name.startswith(tables.AT_RECORDS_SIZE)
    } | {"cross_entropy"}


def test_per_group_scores_summed_counts(tmp_path):
    found = {network: results(PETS, seed) for seed, network in enumerate(("unet", "shallow"))}
    rows = [per_image(PETS, result, network) for network, result in found.items()]
    groups = tables.per_group(stored(pd.concat(rows), tmp_path))
    assert list(groups[["column", "group", "network", "images"]].itertuples(index=False)) == [
        ("breed", "Abyssinian", "unet", 1),
        ("breed", "Abyssinian", "shallow", 1),
        ("breed", "beagle", "unet", 2),
        ("breed", "beagle", "shallow", 2),
        ("species", "cat", "unet", 1),
        ("species", "cat", "shallow", 1),
        ("species", "dog", "unet", 2),
        ("species", "dog", "shallow", 2),
    ]
    beagles = found["shallow"].original.counts[[0, 2]].sum(axis=0)
    row = groups.iloc[3]
    assert row["mean_iou"] == pytest.approx(scores.mean_iou(beagles[:3]))
    assert row["region.pet"] == pytest.approx(scores.iou(beagles[3]))


def test_per_group_has_a_column_for_each_region(tmp_path):
    groups = tables.per_group(stored(per_image(STREET, results(STREET)), tmp_path))
    assert list(groups.columns[-2:]) == ["region.even", "region.one"]
    assert list(groups["group"]) == ["Bonn", "Ulm"]


def test_per_group_without_groups_has_no_rows(tmp_path):
    groups = tables.per_group(stored(per_image(CELLS, results(CELLS)), tmp_path))
    write_csv(tmp_path / "per_group.csv", groups)
    text = (tmp_path / "per_group.csv").read_text(encoding="utf-8")
    assert text == "column,group,network,images,mean_iou\n"
    assert len(pd.read_csv(tmp_path / "per_group.csv")) == 0


@SPECS
def test_confusion_table_is_normalised_by_row_and_invertible(tmp_path, spec):
    counted = results(spec).original
    table = stored(tables.confusion(counted, spec), tmp_path)
    np.testing.assert_allclose(table.groupby("truth")["share"].sum(), 1)
    cell = (table["truth"] == spec.class_names[-1]) & (table["prediction"] == spec.class_names[0])
    assert table[cell]["pixels"].item() == counted.matrix[-1, 0]
    np.testing.assert_array_equal(tables.confusion_matrix(table), counted.matrix)


def without_the_last_class(spec: DatasetSpec = PETS) -> Result:
    """One image has no border pixels, one only void."""
    counter = Counter(spec)
    counter.add(np.array([[[4, 1, 0], [2, 6, 1], [0, 0, 0]], np.zeros((3, 3), int)]))
    counted = counter.counted()
    return Result(counted, counted, counted.counts, np.array([0.5, np.nan]))


@without_warnings
def test_confusion_share_of_an_absent_class_is_empty(tmp_path):
    table = tables.confusion(without_the_last_class().original, PETS)
    assert table.query("truth == 'border'")["share"].isna().all()
    assert not table.query("truth != 'border'")["share"].isna().any()
    write_csv(tmp_path / "confusion.csv", table)
    assert "border,pet,,0\n" in (tmp_path / "confusion.csv").read_text(encoding="utf-8")


@without_warnings
def test_undefined_score_is_null_and_excluded_from_means():
    content = tables.metrics(without_the_last_class(), 12, PETS)
    json.dumps(content, allow_nan=False)
    assert content["iou"]["border"] is content["dice"]["border"] is None
    assert content["mean_iou"] == pytest.approx((4 / 7 + 6 / 10) / 2)
    assert content["mean_dice"] == pytest.approx((8 / 11 + 12 / 16) / 2)
    found = ("iou_dataset", "iou_per_image", "boundary_iou")
    assert content["regions"] == {"pet": dict.fromkeys(found, pytest.approx(4 / 8))}
    assert content["mean_boundary_iou"] == pytest.approx((4 / 7 + 6 / 10) / 2)
    assert content["boundary_iou"]["border"] is None
    assert content["at_records_size"]["cross_entropy"] == pytest.approx(0.5)
    assert (content["images"], content["parameters"]) == (2, 12)


@without_warnings
def test_metrics_without_counted_pixels_are_null():
    counter = Counter(PETS)
    counter.add(np.zeros((2, 3, 3), int))
    counted = counter.counted()
    content = tables.metrics(Result(counted, counted, counted.counts, np.full(2, np.nan)), 0, PETS)
    json.dumps(content, allow_nan=False)
    assert content["mean_iou"] is content["pixel_accuracy"] is None
    assert content["at_records_size"]["cross_entropy"] is None
    found = ("iou_dataset", "iou_per_image", "boundary_iou")
    assert content["regions"] == {"pet": dict.fromkeys(found)}
    assert content["mean_boundary_iou"] is content["boundary_iou"]["pet"] is None


@SPECS
def test_metrics_use_the_spec_s_names(spec):
    content = tables.metrics(results(spec), 12, spec)
    assert tuple(content["iou"]) == tuple(content["dice"]) == spec.class_names
    assert tuple(content["regions"]) == tuple(spec.regions)
    assert content["at_records_size"]["cross_entropy"] == pytest.approx(0.3)


def test_constant_prediction_has_no_cross_entropy_or_calibration():
    constant = results(PETS)._replace(cross_entropy=None, reliability=None, temperature=None)
    content = tables.metrics(constant, 0, PETS)
    assert "cross_entropy" not in content["at_records_size"] and "calibration" not in content


def test_top_level_scores_are_for_the_published_masks():
    result = results(PETS)
    content = tables.metrics(result, 12, PETS)
    at_records_size = content.pop("at_records_size")
    outlines = scores.iou(result.near_outlines.sum(axis=0)).tolist()
    assert content.pop("boundary_iou") == dict(zip(PETS.class_names, outlines[:3], strict=True))
    errors = list(map(calibration.expected_error, result.reliability))
    assert content.pop("calibration") == {
        "expected_error": errors[0],
        "temperature": 1.5,
        "expected_error_at_temperature": errors[1],
    }
    assert content.pop("mean_boundary_iou") == pytest.approx(np.mean(outlines[:3]))
    assert content["regions"]["pet"].pop("boundary_iou") == outlines[3]
    assert content == scores.summary(result.original.counts, PETS) | {"parameters": 12}
    del at_records_size["cross_entropy"]
    assert at_records_size == scores.summary(result.in_records.counts, PETS)


def test_subset_scores_use_only_its_images():
    whole, chosen = results(PETS), np.array([True, False, True])
    content = tables.metrics(whole, 12, PETS, {"some": chosen, "all": np.ones(3, bool)})
    found = content.pop("subsets")
    del content["parameters"], content["calibration"]
    assert found["all"] == content
    counted = [part._replace(counts=part.counts[chosen]) for part in whole[:2]]
    alone = tables.metrics(
        Result(*counted, whole.near_outlines[chosen], whole.cross_entropy[chosen]), 12, PETS
    )
    assert found["some"] | {"parameters": 12} == alone
    assert found["some"]["images"] == 2


@without_warnings
def test_reliability_has_a_row_per_bin_and_nan_for_empty_bins(tmp_path):
    found = np.zeros((2, 3, 3))
    found[0, 1], found[1, 2] = (10, 6, 5), (10, 8, 5)
    result = results(PETS)._replace(reliability=found)
    write_csv(tmp_path / "bins.csv", tables.reliability(result))
    table = pd.read_csv(tmp_path / "bins.csv")
    assert table["pixels"].tolist() == [0, 10, 0]
    assert table["confidence"][1] == 0.6 and table["accuracy"][1] == 0.5
    assert table["confidence_at_temperature"][2] == 0.8 and np.isnan(table["accuracy"][0])


def test_comparison_uses_classes_without_regions():
    counts = {name: tables.counts(per_image(PETS, results(PETS, s))) for s, name in enumerate("ab")}
    content = tables.comparison(counts, resamples=50, seed=1)
    assert list(content) == ["a", "b", "a_minus_b"]
    assert content["a"]["mean_iou"] == tables.metrics(results(PETS), 0, PETS)["mean_iou"]
    assert content["a"]["low"] <= content["a"]["mean_iou"] <= content["a"]["high"]
