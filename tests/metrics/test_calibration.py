"""Reliability as in the paper, and temperature scaling."""

import numpy as np
import pytest

from petseg.core.dataset_spec import VOID
from petseg.metrics import calibration


def drawn(count: int, sharpness: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns labels drawn from logits, and the logits multiplied by `sharpness`."""
    random = np.random.default_rng(0)
    logits = random.normal(0, 1.5, (count, 3)).astype(np.float32)
    probabilities = np.exp(logits) / np.exp(logits).sum(-1, keepdims=True)
    labels = (random.random((count, 1)) > probabilities.cumsum(-1)).sum(-1).astype(np.uint8)
    return sharpness * logits, labels


@pytest.mark.parametrize("sharpness", [0.4, 1.0, 3.0])
def test_fitted_temperature_restores_calibration(sharpness):
    logits, labels = drawn(40_000, sharpness)
    temperature = calibration.fit_temperature(logits, labels)
    assert temperature == pytest.approx(sharpness, rel=0.05)
    before, after = (
        calibration.expected_error(calibration.reliability(logits, labels, t))
        for t in (1.0, temperature)
    )
    assert after < 0.01 and (sharpness == 1.0 or before > 0.04)


def test_reliability_equals_loop_over_pixels():
    logits, labels = drawn(500, 2.0)
    labels[::7] = VOID
    expected = np.zeros((calibration.BINS, 3))
    for row, label in zip(logits.astype(np.float64), labels, strict=True):
        if label != VOID:
            probabilities = np.exp(row) / np.exp(row).sum()
            place = min(int(probabilities.max() * calibration.BINS), calibration.BINS - 1)
            expected[place] += 1, probabilities.max(), probabilities.argmax() == label
    found = calibration.reliability(logits.reshape(20, 25, 3), labels.reshape(20, 25))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    share, pixels = expected[:, 2] - expected[:, 1], expected[:, 0].sum()
    assert calibration.expected_error(found) == pytest.approx(
        np.abs(share).sum() / pixels, rel=1e-4
    )


def test_temperature_without_pixels_is_1():
    assert calibration.fit_temperature(np.empty((0, 3), np.float32), np.empty(0, np.uint8)) == 1
    assert np.isnan(calibration.expected_error(np.zeros((calibration.BINS, 3))))
