"""Bootstrap intervals: hand-computed values, pairing, coverage and repeatability."""

import numpy as np
import pytest

from petseg.metrics import bootstrap, scores
from tests.helpers.marks import without_warnings
from tests.helpers.specs import PETS


def images(*hits: int, pixels: int = 10) -> np.ndarray:
    """Returns counts of images of one true class, each with the given number of correct pixels."""
    matrices = np.zeros((len(hits), 3, 3), np.int64)
    matrices[:, 0, 0] = hits
    matrices[:, 0, 1] = pixels - np.array(hits)
    return scores.counts(matrices)


def accuracy(counts: dict, resamples: int = 500, seed: int = 0, level: float = 0.95) -> dict:
    return bootstrap.intervals(counts, scores.pixel_accuracy, resamples, seed, level)


def random_counts(seed: int, count: int = 40, classes: int = 3) -> np.ndarray:
    shape = (count, classes, classes)
    return scores.counts(np.random.default_rng(seed).integers(0, 1000, shape))


def test_interval_of_one_image_has_width_0():
    assert accuracy({"only": images(7)}) == {"only": (0.7, 0.7, 0.7)}


@pytest.mark.parametrize(("level", "ends"), [(0.4, (0.5, 0.5)), (0.6, (0, 1)), (0.95, (0, 1))])
def test_interval_of_two_images(level, ends):
    """Resamples give 0, 0.5 and 1 with probabilities 1/4, 1/2 and 1/4."""
    assert accuracy({"only": images(0, 10)}, level=level) == {"only": (0.5, *ends)}


def test_difference_of_identical_networks_is_exactly_0():
    counts = random_counts(0)
    found = bootstrap.intervals({"a": counts, "b": counts.copy()}, scores.iou, 300, seed=0)
    np.testing.assert_array_equal(found["a_minus_b"], np.zeros((3, 3)))


def test_shared_difficulty_cancels_out_in_difference():
    """Images of all difficulties. One network has one more of ten pixels correct."""
    hits = np.random.default_rng(0).integers(0, 10, size=30)
    found = accuracy({"better": images(*hits + 1), "worse": images(*hits)})
    assert found["worse"].high - found["worse"].low > 0.1
    assert found["worse"].high > found["better"].low, "the intervals overlap"
    np.testing.assert_allclose(found["better_minus_worse"], 0.1)


def test_difference_excludes_0_only_for_better_network():
    rng = np.random.default_rng(0)
    hits = {name: rng.binomial(100, share, size=200) for name, share in (("a", 0.8), ("b", 0.8))}
    hits["c"] = rng.binomial(100, 0.75, size=200)
    found = accuracy({name: images(*part, pixels=100) for name, part in hits.items()})
    assert list(found) == ["a", "b", "c", "a_minus_b", "a_minus_c", "b_minus_c"]
    assert found["a_minus_b"].low < 0 < found["a_minus_b"].high
    for name in ("a_minus_c", "b_minus_c"):
        assert 0 < found[name].low < found[name].estimate < found[name].high


def test_intervals_have_nominal_coverage():
    """With 300 test splits of 60 images, the coverage varies by 0.015."""
    rng = np.random.default_rng(0)
    covered = {"a": 0, "a_minus_b": 0}
    for trial in range(300):
        difficulty = rng.beta(4, 4, size=60)
        hits = {"a": rng.binomial(50, difficulty), "b": rng.binomial(50, difficulty * 0.9)}
        counts = {name: images(*part, pixels=50) for name, part in hits.items()}
        found = accuracy(counts, resamples=200, seed=trial, level=0.9)
        for name, truth in (("a", 0.5), ("a_minus_b", 0.05)):
            covered[name] += found[name].low <= truth <= found[name].high
    assert 0.85 < covered["a"] / 300 < 0.94
    assert 0.85 < covered["a_minus_b"] / 300 < 0.94


def test_result_depends_only_on_arguments_and_seed(monkeypatch):
    counts = {"a": random_counts(1), "b": random_counts(2)}
    arguments = (counts, scores.mean_iou, 100)
    first = bootstrap.intervals(*arguments, seed=3)
    assert bootstrap.intervals(*arguments, seed=4) != first
    alone = bootstrap.intervals({"b": counts["b"]}, scores.mean_iou, 100, seed=3)
    assert alone["b"] == first["b"]
    monkeypatch.setattr(bootstrap, "CHUNK", 7)
    assert bootstrap.intervals(*arguments, seed=3) == first


def test_estimate_is_score_of_whole_split():
    matrices = np.random.default_rng(0).integers(0, 1000, (40, 3, 3))
    found = bootstrap.intervals({"a": scores.counts(matrices)}, scores.mean_iou, 50, seed=0)
    summary = scores.summary(scores.counts(matrices, PETS.label_sets), PETS)
    assert found["a"].estimate == summary["mean_iou"]


def test_sums_are_exact():
    odd = 2**43 + 1
    counts = np.full((8, 3, 3), odd)
    found = bootstrap.intervals({"a": counts}, lambda sums: sums[..., 0, 0], 50, seed=0)
    assert found["a"] == (8 * odd,) * 3


def test_several_scores_equal_single_ones():
    counts = {"a": random_counts(1), "b": random_counts(2)}
    together = bootstrap.intervals(counts, scores.iou, 50, seed=0)
    for label in range(3):
        one = bootstrap.intervals(counts, lambda sums, k=label: scores.iou(sums)[..., k], 50, 0)
        for name, interval in one.items():
            assert [part[label] for part in together[name]] == list(interval)


@without_warnings
def test_undefined_scores_are_ignored():
    without, with_border = np.diag([5, 5, 0]), np.array([[5, 0, 0], [0, 5, 0], [0, 1, 1]])
    counts = scores.counts(np.stack([without, with_border]))
    found = bootstrap.intervals({"a": counts}, scores.iou, 200, 0)["a"]
    assert [part[2] for part in found] == [0.5, 0.5, 0.5]
    alone = bootstrap.intervals({"a": counts[:1]}, scores.iou, 200, 0)["a"]
    np.testing.assert_array_equal(np.array(alone)[:, 2], np.nan)


@pytest.mark.parametrize(
    ("counts", "resamples", "level", "reason"),
    [
        ({}, 10, 0.95, "no network"),
        ({"a": images(1), "b": images(1, 2)}, 10, 0.95, "shapes"),
        ({"a": images(1)[:0]}, 10, 0.95, "counts must be"),
        ({"a": images(1)[0]}, 10, 0.95, "counts must be"),
        ({"a": np.full((2, 3, 3), 2**50)}, 10, 0.95, "exact"),
        ({"a": images(1)}, 0, 0.95, "resamples"),
        ({"a": images(1)}, 10, 1.0, "level"),
    ],
)
def test_invalid_arguments_are_refused(counts, resamples, level, reason):
    with pytest.raises(ValueError, match=reason):
        bootstrap.intervals(counts, scores.mean_iou, resamples, 0, level)
