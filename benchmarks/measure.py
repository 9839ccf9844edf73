"""Alternating measurements: each is a separate process, and rivals run one after the other.

A machine's speed drifts over minutes. Rivals are therefore compared within a round, and the ratio
is the median over rounds.
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from tqdm import tqdm

from benchmarks import ENVIRONMENT

IMAGES = 640
"""Default number of images for training and evaluation."""


class Comparison(NamedTuple):
    """One row of the report: what is measured, its unit, and the commands.

    A command prints a JSON object with `value` and `peak_memory_mib` as its last line. The ratio is
    ours over theirs for a rate, and theirs over ours for seconds: above 1, ours is faster.
    """

    title: str
    unit: str
    theirs: Sequence[str]
    ours: Sequence[str]

    @property
    def is_rate(self) -> bool:
        return self.unit.endswith("/s")


def compare(comparison: Comparison, rounds: int) -> dict:
    """Runs both commands `rounds` times in turn: medians, ranges, peak memory and ratios."""
    found: dict[str, list[dict]] = {"theirs": [], "ours": []}
    turns = [side for _ in range(rounds) for side in found]
    for side in tqdm(turns, comparison.title, unit="run", disable=None):
        found[side].append(_run(getattr(comparison, side)))
    values = {side: [run["value"] for run in runs] for side, runs in found.items()}
    ratios = [
        ours / theirs if comparison.is_rate else theirs / ours
        for theirs, ours in zip(values["theirs"], values["ours"], strict=True)
    ]
    return {
        "title": comparison.title,
        "unit": comparison.unit,
        **{side: _summary(values[side]) for side in found},
        "ratio": _summary(ratios),
        "peak_memory_mib": {
            side: max(run["peak_memory_mib"] for run in runs) for side, runs in found.items()
        },
    }


def table(results: Sequence[Mapping]) -> str:
    """Returns the results as a Markdown table: median (lowest to highest)."""
    lines = [
        "| | unit | theirs | ours | ratio | memory, MiB: theirs | ours |",
        "| --- | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for result in results:
        cells = [_range(result[key]) for key in ("theirs", "ours", "ratio")]
        memory = [f"{result['peak_memory_mib'][side]:.0f}" for side in ("theirs", "ours")]
        lines.append("| " + " | ".join([result["title"], result["unit"], *cells, *memory]) + " |")
    return "\n".join(lines)


def second_run(function: Callable[[], object]) -> float:
    """Returns the seconds of a second call: the first one builds graphs and fills caches."""
    function()
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def report(value: float) -> None:
    """Prints a measured value, with the process's peak memory, as the last line."""
    import resource

    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    peak = max(own, children) / (2**20 if sys.platform == "darwin" else 2**10)
    print(json.dumps({"value": value, "peak_memory_mib": peak}))


def add_images_option(parser: argparse.ArgumentParser) -> None:
    """Adds `--images`, the number of images to measure on."""
    parser.add_argument(
        "--images", type=int, default=IMAGES, metavar="N", help="default: %(default)s"
    )


def _run(command: Sequence[str]) -> dict:
    finished = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True)
    if finished.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{finished.stderr[-2000:]}")
    return json.loads(finished.stdout.strip().splitlines()[-1])


def _summary(values: Sequence[float]) -> dict:
    return {"median": statistics.median(values), "low": min(values), "high": max(values)}


def _range(summary: Mapping[str, float]) -> str:
    return f"{summary['median']:.3g} ({summary['low']:.3g} to {summary['high']:.3g})"
