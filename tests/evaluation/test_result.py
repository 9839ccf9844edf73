"""Counts add up independently of the batches."""

import numpy as np
import pytest

from petseg.evaluation.result import Counter
from petseg.metrics import scores
from tests.helpers.specs import CELLS, PETS, STREET


@pytest.mark.parametrize("spec", [PETS, CELLS, STREET], ids=lambda spec: spec.name)
@pytest.mark.parametrize("parts", [[5], [1, 1, 1, 1, 1], [2, 3]], ids=str)
def test_counter_sums_matrices_and_keeps_counts_per_image(spec, parts):
    classes = len(spec.classes)
    matrices = np.random.default_rng(0).integers(0, 100, (5, classes, classes))
    counter = Counter(spec)
    for part in np.split(matrices, np.cumsum(parts)[:-1]):
        counter.add(part)
    matrix, counts = counter.counted()
    np.testing.assert_array_equal(matrix, matrices.sum(axis=0))
    np.testing.assert_array_equal(counts, scores.counts(matrices, spec.label_sets))
    assert counts.shape == (5, classes + len(spec.regions), 3)
