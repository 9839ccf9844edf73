"""Tables carry the matrices: whatever is shown can be worked out from them again."""

import numpy as np
import pandas as pd
import pytest

from petseg.evaluation import tables
from petseg.evaluation.result import Result
from petseg.metrics import scores

MANIFEST = {"breeds": ["Abyssinian", "beagle"], "species": ["cat", "dog"]}
BREEDS = np.array([1, 0, 1])


@pytest.fixture
def result() -> Result:
    matrices = np.random.default_rng(0).integers(1, 50, size=(3, 3, 3))
    return Result(matrices, np.array([0.1, 0.2, 0.6]))


@pytest.fixture
def table(result):
    names = ["beagle_1", "Abyssinian_2", "beagle_3"]
    index = pd.DataFrame({"name": names, "breed": BREEDS, "species": BREEDS})
    return tables.per_image("unet", index, result, MANIFEST)


def test_per_image_keeps_the_matrices(table, result):
    np.testing.assert_array_equal(tables.matrices(table), result.matrices)
    assert list(table["breed"]) == ["beagle", "Abyssinian", "beagle"]
    assert list(table["species"]) == ["dog", "cat", "dog"]
    np.testing.assert_allclose(table["mean_iou"], scores.mean_iou(result.matrices))


def test_per_breed_scores_the_sum_of_its_images(table, result):
    breeds = tables.per_breed(table)
    assert list(breeds["breed"]) == ["Abyssinian", "beagle"]
    assert list(breeds["images"]) == [1, 2]
    beagles = result.matrices[BREEDS == 1].sum(axis=0)
    assert breeds["pet_iou"][1] == pytest.approx(scores.pet_iou(beagles))


def test_confusion_table_is_normalised_by_row_and_comes_back(result):
    matrix = result.matrices[0]
    table = tables.confusion(matrix)
    np.testing.assert_allclose(table.groupby("truth")["share"].sum(), 1)
    assert table.query("truth == 'border' and prediction == 'pet'")["pixels"].item() == matrix[2, 0]
    np.testing.assert_array_equal(tables.confusion_matrix(table), matrix)


def test_metrics_are_numbers_and_null_where_undefined(result):
    content = tables.metrics(result, parameters=12)
    assert content["parameters"] == 12
    assert content["cross_entropy"] == pytest.approx(0.3)
    nothing_of_border = np.array([[[4, 1, 0], [2, 6, 0], [0, 0, 0]]])
    constant = tables.metrics(Result(nothing_of_border), parameters=0)
    assert constant["iou"]["border"] is None
    assert not {"cross_entropy", "at_original_size"} & constant.keys()


def test_scores_at_original_size_stand_below_the_others(result):
    others = np.random.default_rng(1).integers(1, 500, size=(3, 3, 3))
    content = tables.metrics(result._replace(original_matrices=others), parameters=12)
    assert content.pop("at_original_size") == scores.summary(others)
    assert content == tables.metrics(result, parameters=12)
