"""Paired bootstrap intervals over the test images, in plain numpy.

Images are drawn with replacement, with the same draws for every network, so that the difficulty of
an image cancels out in a difference. Percentile intervals: Efron and Tibshirani, "An Introduction
to the Bootstrap", 1993, chapters 8 and 13. They cover the choice of test images, not the randomness
of training, and are too narrow for few images.
"""

from collections.abc import Callable, Iterator
from itertools import combinations
from typing import NamedTuple

import numpy as np

from petseg.metrics.scores import Floats, Integers

CHUNK = 1 << 20
"""Draws at a time, at least one resample. This bounds memory to some 20 MB for any number of
images."""


class Interval(NamedTuple):
    """A statistic of all images and its bootstrap interval; each float, or float64 (K,)."""

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
    """Returns the intervals of each network's statistic and of each difference of two networks.

    Differences come last, named `first_minus_second` in the order of `counts`. The same arguments
    give the same numbers. Resamples with a NaN statistic are ignored. If all are NaN, so are the
    ends.

    Args:
        counts: for each network the counts of each image, int64 (N, K, 3), from
            `petseg.metrics.scores.counts`. All networks have the same images in the same order.
        statistic: computes scores from counts summed over images, as petseg.metrics.scores does:
            (..., K, 3) -> float64 (...), or (..., S) for S scores.
        resamples: the number of resamples, 1 or more. 1,000 give stable ends.
        seed: of the draws.
        level: the share of resampled statistics between the ends, above 0 and below 1.

    Raises:
        ValueError: if there is no network or image, the shapes differ, there are too many pixels
            for exact sums, or a number is out of range.
    """
    if resamples < 1:
        raise ValueError(f"resamples must be 1 or more, got {resamples}")
    if not 0 < level < 1:
        raise ValueError(f"level must be between 0 and 1, got {level}")
    stacked = _stacked(counts)
    observed = statistic(stacked.sum(axis=0))
    drawn = np.concatenate([statistic(sums) for sums in _resampled_sums(stacked, resamples, seed)])
    values = {name: (observed[i], drawn[:, i]) for i, name in enumerate(counts)}
    for first, second in combinations(counts, 2):
        pair = zip(values[first], values[second], strict=True)
        values[f"{first}_minus_{second}"] = tuple(a - b for a, b in pair)
    return {name: _interval(*pair, level) for name, pair in values.items()}


def _stacked(counts: dict[str, Integers]) -> Integers:
    """Stacks all counts to int64 (N, networks, K, 3)."""
    if not counts:
        raise ValueError("no network to compare")
    shapes = {name: np.shape(part) for name, part in counts.items()}
    if len(set(shapes.values())) > 1:
        raise ValueError(f"the networks' counts differ in their shapes: {shapes}")
    stacked = np.stack(list(counts.values()), axis=1)
    if stacked.ndim != 4 or not len(stacked):
        raise ValueError(f"counts must be (N, K, 3) with N of 1 or more; got {shapes}")
    # A resample may contain one image N times, and float64 is exact up to 2**53.
    largest = int(stacked.sum(axis=(2, 3)).max())
    if largest * len(stacked) > 2**53:
        raise ValueError(f"{len(stacked)} images of {largest} pixels are too many for exact sums")
    return stacked


def _resampled_sums(stacked: Integers, resamples: int, seed: int) -> Iterator[Integers]:
    """Yields sums over resampled images, int64 (some, networks, K, 3) each."""
    rng = np.random.default_rng(seed)
    count = len(stacked)
    # In float64, which is exact here, BLAS computes the product; numpy's is slow for integers.
    flat = stacked.reshape(count, -1).astype(np.float64)
    together = max(1, CHUNK // count)
    for start in range(0, resamples, together):
        rows = min(together, resamples - start)
        # How often each resample contains each image: (rows, N), multinomial.
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
