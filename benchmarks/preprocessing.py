"""Photographs per second in preprocessing, against a plain loop and against decoding alone."""

import argparse
import io
import os
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks import measure, pets
from petseg.data import oxford_pets, preparation, records

PHOTOGRAPHS, SIDE = 740, 375  # the dataset's photographs are about 375 by 500 pixels


def plain(raw: Path, folder: Path) -> int:
    """What a script would do: a loop over the dataset, one photograph after the other."""
    with records.SplitWriter(folder, "train", shard_examples=1024) as writer:
        for raw_example in oxford_pets.examples(raw, "train"):
            image = Image.open(io.BytesIO(raw_example.image)).convert("RGB")
            mask = Image.open(io.BytesIO(raw_example.mask))
            square = (pets.SIDE, pets.SIDE)
            pixels = np.asarray(image.resize(square, Image.Resampling.BILINEAR))
            labels = np.asarray(mask.resize(square, Image.Resampling.NEAREST)) - 1
            writer.write(
                records.Example(
                    pixels, labels, raw_example.name, raw_example.breed, raw_example.species
                )
            )
    return writer.summary()["examples"]


def ours(raw: Path, folder: Path) -> int:
    """What the stage does: with all checks, all splits and the manifest."""
    manifest = preparation.write_records(
        raw,
        folder,
        image_size=pets.SIDE,
        validation_share=0.1,
        drop_unlabelled=True,
        max_bad_examples=0,
        shard_examples=1024,
        seed=1,
    )
    return sum(split["examples"] for split in manifest["splits"].values())


def decoding(raw: Path, folder: Path) -> int:
    """The floor: libjpeg-turbo alone, by way of Pillow, on all cores."""
    del folder
    jpegs = [example.image for example in oxford_pets.examples(raw, "train")]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return sum(pool.map(lambda jpeg: Image.open(io.BytesIO(jpeg)).load() is not None, jpegs))


def main() -> None:
    ways = {function.__name__: function for function in (plain, ours, decoding)}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=ways)
    parser.add_argument(
        "--pictures", type=Path, help="a folder with images/ and annotations/; default: generated"
    )
    wanted = parser.parse_args()
    if wanted.pictures:
        raw = pets.HOME / "dataset-given"
        if not raw.exists():
            pets.prepare(wanted.pictures, raw)
    else:
        raw = pets.as_dataset(PHOTOGRAPHS, SIDE)
    with tempfile.TemporaryDirectory() as folder:
        next(oxford_pets.examples(raw, "train"))  # TensorFlow wakes up
        start = time.perf_counter()
        done = ways[wanted.way](raw, Path(folder))
        measure.report(done / (time.perf_counter() - start))


if __name__ == "__main__":
    main()
