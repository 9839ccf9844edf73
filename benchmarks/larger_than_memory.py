"""Trains on generated images that need more memory than the process may have.

RLIMIT_DATA limits the memory that the process may request; Linux applies it to private writable
memory. The dataset is streamed with cache `none` and `disk`, and refused with `memory`. Prints
images per second and peak memory as a table, and writes them to benchmarks/larger_than_memory.json.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.pets import HOME

RESULTS = Path("benchmarks") / "larger_than_memory.json"
SIDE = 128
CACHES = ("memory", "none", "disk")
GIB = 1 << 30


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=float, default=1.0, help="memory of the process, GiB")
    parser.add_argument("--size", type=float, default=1.25, help="images and masks, GiB")
    parser.add_argument("--cache", choices=CACHES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    count = int(options.size * GIB / (4 * SIDE**2))
    folder = HOME / f"noise-records-{count}"
    if options.cache:
        train(folder, options.cache, int(options.limit * GIB))
        return
    if not folder.exists():
        draw(folder, count)
    results = {cache: measured(sys.argv[1:], cache) for cache in CACHES}
    content = {"limit_gib": options.limit, "set_gib": options.size, "images": count}
    RESULTS.write_text(json.dumps(content | {"caches": results}, indent=2) + "\n")
    print(f"{count:,} images, {options.size} GiB, in a process of at most {options.limit} GiB\n")
    print("| cache | images/s | peak memory, MiB | |\n| --- | ---: | ---: | --- |")
    for cache, found in results.items():
        rate, peak = (f"{found[key]:.0f}" if key in found else "-" for key in FIGURES)
        print(f"| `{cache}` | {rate} | {peak} | {found.get('refused', '')} |")


FIGURES = ("images_per_second", "peak_memory_mib")


def draw(folder: Path, count: int) -> None:
    """Writes records of `count` training images of noise; nothing has to be learnt."""
    from petseg import records
    from petseg.core.dataset_file import load_dataset
    from petseg.core.files import atomic_folder, write_json

    spec = load_dataset("generated_pets").spec().model_copy(update={"groups": ()})
    rng, summaries = np.random.default_rng(1), {}
    with atomic_folder(folder) as target:
        for split, examples in (("train", count), ("validation", 64)):
            with records.SplitWriter(target, split, 4096, spec) as writer:
                for number in range(examples):
                    image = rng.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
                    mask = image[..., 0] % len(spec.classes)
                    writer.write(records.Example(image, mask, f"{split}_{number}"))
            summaries[split] = writer.summary()
        content = {"dataset": spec.to_json(), "image_size": [SIDE, SIDE], "splits": summaries}
        write_json(target / records.MANIFEST, content)


def measured(arguments: list[str], cache: str) -> dict:
    """Returns the results of an epoch in a separate process, or why it was refused."""
    with tempfile.TemporaryDirectory(dir=HOME) as home:
        environment = os.environ | {"PETSEG_CACHE_DIR": home}
        command = [sys.executable, "-m", "benchmarks.larger_than_memory", *arguments]
        ended = subprocess.run(
            [*command, "--cache", cache], env=environment, capture_output=True, text=True
        )
    if ended.returncode:
        return {"refused": ended.stderr.strip().splitlines()[-1]}
    return json.loads(ended.stdout.splitlines()[-1])


def train(folder: Path, cache: str, limit: int) -> None:
    """Trains the smallest network for an epoch under the limit and prints its speed and memory."""
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    from petseg import records
    from petseg.core.errors import PetsegError
    from petseg.core.params import Machine, load_params
    from petseg.models import shallow
    from petseg.training import loop

    params = load_params()
    section = params.train_shallow.model_copy(update={"width": 1, "epochs": 1})
    home = Path(tempfile.mkdtemp(dir=HOME))
    try:
        report = loop.train(
            "shallow",
            partial(shallow.build, (SIDE, SIDE), len(records.spec(folder).classes), section),
            section,
            machine=Machine(strategy="single", cache=cache),
            seed=params.seed,
            records_folder=folder,
            model_path=home / "model.keras",
            curve_path=home / "curve.csv",
            checkpoint_folder=home,
        )
    except PetsegError as error:
        sys.exit(f"error: {error}")
    finally:
        shutil.rmtree(home)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    (epoch,) = report["epochs"]
    print(json.dumps(dict(zip(FIGURES, (epoch["images_per_second"], peak), strict=True))))


if __name__ == "__main__":
    main()
