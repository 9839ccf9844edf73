"""Preprocesses and segments very many small images on Apache Beam, with 1, 2, ... processes.

Prints, for each number of workers, the time and the memory of the largest worker at each quarter of
the time: it must not grow with the number of images. Also measures preprocessing without Beam.
Writes the results to benchmarks/many_images.json.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

from benchmarks.pets import HOME

RESULTS = Path("benchmarks") / "many_images.json"
SIDE, DISTINCT = 32, 1000
"""Pixels per side; number of different images: they are repeated, as all are noise anyway."""
POLL_SECONDS = 1.0
MODEL = Path("pretrained/shallow.tflite").absolute()
WORKER = "apache_beam.runners.worker.sdk_worker_main"
MIB = 1 << 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=200_000, help="default: %(default)s")
    parser.add_argument(
        "--segmented", type=int, default=5000, help="number for predict; default: %(default)s"
    )
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    options = parser.parse_args()
    home = HOME / f"many-{options.images}"
    if not home.exists():
        draw(home, options.images)
    rows = {"preprocess, local": preprocess(home, options.images, None)}
    for workers in options.workers:
        rows[f"preprocess, Beam, {workers}"] = preprocess(home, options.images, workers)
    for workers in options.workers:
        rows[f"predict, Beam, {workers}"] = predict(home, options.segmented, workers)
    RESULTS.write_text(json.dumps(rows, indent=2) + "\n")
    heads = "images", "seconds", "a thousand, s", "first process, MiB", *QUARTERS
    print("| | " + " | ".join(heads) + " |\n| --- |" + " ---: |" * len(heads))
    for name, row in rows.items():
        workers = [f"{row[key]:.0f}" if key in row else "-" for key in QUARTERS]
        cells = [f"{row['images']:,}", f"{row['seconds']:.0f}", f"{row['a_thousand']:.2f}"]
        print(f"| {name} | " + " | ".join([*cells, f"{row['driver']:.0f}", *workers]) + " |")


QUARTERS = ("a worker at 1/4, MiB", "at 2/4", "at 3/4", "at the end")


def draw(home: Path, count: int) -> None:
    """Writes a dataset as `download` does: noise, and masks of two classes."""
    from petseg.core.dataset_file import parse_dataset
    from petseg.core.files import atomic_folder
    from petseg.sources import raw
    from petseg.sources.stored_files import Stored, write_table

    classes = [{"name": "ground", "value": 0}, {"name": "cell", "value": 255}]
    splits = {"train": "train.txt", "test": "test.txt"}
    content = {"source": {"type": "folder", "splits": splits}, "classes": classes}
    random = np.random.default_rng(1)
    with atomic_folder(home) as folder:
        first = folder / "first"
        first.mkdir()
        for number in range(DISTINCT):
            image = random.integers(0, 256, (SIDE, SIDE, 3), np.uint8)
            Image.fromarray(image).save(first / f"{number}.jpg", quality=90)
            mask = np.where(image[..., 0] > 127, np.uint8(255), np.uint8(0))
            Image.fromarray(mask).save(first / f"{number}.png")
        bytes_of = {path.name: path.read_bytes() for path in first.iterdir()}
        rows = []
        for number in range(count):
            name = f"{number // 1000:04d}/{number:08d}"
            paths = f"images/{name}.jpg", f"masks/{name}.png"
            for path in paths:
                target = folder / "raw" / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(bytes_of[f"{number % DISTINCT}{target.suffix}"])
            split = "test" if number % 2 else "train"
            rows.append(Stored(split, name, *paths, digest=name, groups=()))
        write_table(folder / "raw", rows, [])
        raw.describe(
            folder / "raw",
            parse_dataset(content, "noise", Path("dataset.yaml")),
            "files",
            {"validation": None},
        )


PREPROCESS = """
import sys
from pathlib import Path
from petseg.sources import preparation
preparation.write_records(
    Path(sys.argv[1]), Path(sys.argv[2]), image_size=(32, 32), validation_share=0.1,
    drop_unlabelled=True, max_bad_examples=0, shard_examples=16384, seed=1,
    runner=sys.argv[3], beam_options=sys.argv[4:])
"""


def preprocess(home: Path, count: int, workers: int | None) -> dict:
    target = home / "records"
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    runner = ["local"] if workers is None else ["beam", *flags(workers)]
    command = [sys.executable, "-c", PREPROCESS, str(home / "raw"), str(target), *runner]
    return measured(command, count)


def predict(home: Path, count: int, workers: int) -> dict:
    images, out = home / "some", home / "predictions"
    for folder in (images, out):
        shutil.rmtree(folder, ignore_errors=True)
    images.mkdir()
    for path in islice((home / "raw/images").rglob("*.jpg"), count):
        shutil.copy(path, images)
    command = [sys.executable, "-m", "petseg", "predict", "--runner", "beam", "--model", str(MODEL)]
    options = ["--beam-options", " ".join(flags(workers))]
    return measured([*command, *options, f"{images}/*", str(out)], count)


def flags(workers: int) -> list[str]:
    return ["--direct_running_mode=multi_processing", f"--direct_num_workers={workers}"]


def measured(command: list[str], count: int) -> dict:
    """Returns a command's time, and the memory (RSS) of its first process and its workers."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stderr=subprocess.DEVNULL)
    driver, largest = 0.0, []
    while process.poll() is None:
        time.sleep(POLL_SECONDS)
        first, others = _memory(process.pid)
        driver = max(driver, first)
        if others:
            largest.append(max(others))
    seconds = time.perf_counter() - start
    if process.returncode:
        sys.exit(f"{' '.join(command)} failed")
    row = {"images": count, "seconds": seconds, "a_thousand": 1000 * seconds / count}
    row["driver"] = driver
    for number, name in enumerate(QUARTERS if largest else (), start=1):
        end = len(largest) * number // len(QUARTERS)
        row[name] = max(largest[max(end - len(largest) // 8 - 1, 0) : end])
    return row


def _memory(pid: int) -> tuple[float, list[float]]:
    """Returns the memory of a process, and of each worker that it started, in MiB."""
    try:
        first = psutil.Process(pid)
        found = {child.pid: child for child in first.children(recursive=True)}
        workers = [child for child in found.values() if WORKER in " ".join(child.cmdline())]
        sizes = [child.memory_info().rss / MIB for child in workers]
        return first.memory_info().rss / MIB, sizes
    except psutil.NoSuchProcess:
        return 0.0, []


if __name__ == "__main__":
    main()
