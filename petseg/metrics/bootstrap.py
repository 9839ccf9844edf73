"""Is a difference real? Paired bootstrap intervals over the test images, in plain numpy.

The images are drawn with replacement, the same draws for every network, so that what makes
an image hard for all of them cancels out in a difference. Percentile intervals: Efron and
Tibshirani, "An Introduction to the Bootstrap", 1993, chapters 8 and 13. They speak of the choice
of test images alone, not of the chance in a training, and are too narrow where images are few.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from petseg.metrics.scores import Floats, Integers

CHUNK = 1 << 20
"""Draws at a time, and at least one resample: some 20 MB, whatever the number of images."""


class Interval(NamedTuple):
    """A statistic of all images and the ends of its bootstrap interval; float, or float64 (K,)."""

    estimate: float | Floats
    low: float | Floats
    high: float | Floats


def intervals(
    counts: dict[str, Integers],
    statistic: Callable[[Integers], Floats],
    resamples: int,
    seed: int,
    level: float = 0.95,
) -> dict[str, Interval]:
    """The interval of each network's statistic, and of each difference between two networks.

    A difference is named `first_minus_second`, in the order of `counts`; differences come last.
    The same arguments give the same numbers. A resample where a statistic is NaN does not count
    for it; where none is left, the ends are NaN.

    Args:
        counts: for each network the counts of each image, int64 (N, K, 3), as of
            `petseg.metrics.scores.counts`; the same images in the same order for all.
        statistic: scores of counts summed over images, as in petseg.metrics.scores:
            (..., K, 3) -> float64 (...), or (..., S) for S scores at once.
        resamples: how often the images are drawn, 1 or more; 1,000 give stable ends.
        seed: of the draws.
        level: the share of the resampled statistics between the ends, in 0..1, both excluded.

    Raises:
        ValueError: if there is no network or image, the shapes differ, the pixels are too many for
            exact sums, or a number is out of range.
    """
    if resamples < 1:
        raise ValueError(f"resamples is 1 or more, got {resamples}")
    if not 0 < level < 1:
        raise ValueError(f"level lies between 0 and 1, got {level}")
    stacked = _stacked(counts)
    observed = statistic(stacked.sum(axis=0))
    drawn = np.concatenate([statistic(sums) for sums in _resampled_sums(stacked, resamples, seed)])
    values = {name: (observed[i], drawn[:, i]) for i, name in enumerate(counts)}
    for first, second in combinations(counts, 2):
        pair = zip(values[first], values[second], strict=True)
        values[f"{first}_minus_{second}"] = tuple(a - b for a, b in pair)
    return {name: _interval(*pair, level) for name, pair in values.items()}


def _stacked(counts: dict[str, Integers]) -> Integers:
    """All counts as int64 (N, networks, K, 3)."""
    if not counts:
        raise ValueError("no network to resample the images of")
    shapes = {name: np.shape(part) for name, part in counts.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"the networks' counts differ in their shapes: {shapes}")
    stacked = np.stack(list(counts.values()), axis=1)
    if stacked.ndim != 4 or not len(stacked):
        raise ValueError(f"counts of each image, of one image at least; got {shapes}")
    # A resample may be one image N times, and float64 counts exactly up to 2**53.
    largest = int(stacked.sum(axis=(2, 3)).max())
    if largest * len(stacked) > 2**53:
        raise ValueError(f"{len(stacked)} images of {largest} pixels are too many for exact sums")
    return stacked


def _resampled_sums(stacked: Integers, resamples: int, seed: int) -> Iterator[Integers]:
    """Yields the sums over resampled images, int64 (some, networks, K, 3) each."""
    rng = np.random.default_rng(seed)
    count = len(stacked)
    # As float64, exact here, the product runs in BLAS; numpy has no fast one for integers.
    flat = stacked.reshape(count, -1).astype(np.float64)
    together = max(1, CHUNK // count)
    for start in range(0, resamples, together):
        rows = min(together, resamples - start)
        # Which image was drawn how often, in each resample: (rows, N), multinomial.
        draws = rng.integers(count, size=(rows, count)) + count * np.arange(rows)[:, None]
        weights = np.bincount(draws.ravel(), minlength=rows * count).reshape(rows, count)
        sums = weights.astype(np.float64) @ flat
        yield sums.astype(np.int64).reshape(rows, *stacked.shape[1:])


def _interval(estimate: Floats, drawn: Floats, level: float) -> Interval:
    ends = [(1 - level) / 2, (1 + level) / 2]
    flat = drawn.reshape(len(drawn), -1)
    quantiles = np.full((2, flat.shape[1]), np.nan)
    for column, values in enumerate(flat.T):
        defined = values[~np.isnan(values)]
        if len(defined):
            quantiles[:, column] = np.quantile(defined, ends)
    low, high = quantiles.reshape(2, *np.shape(estimate))
    return Interval(*(part[()] for part in (np.asarray(estimate), low, high)))
