"""Images per second in preprocessing, against a plain loop and against decoding alone.

`parts` prints the time of each step on one core instead.
"""

from __future__ import annotations

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from benchmarks import measure, pets

if TYPE_CHECKING:
    from petseg.sources.raw import RawExample

IMAGES, SIDE = 740, 375  # the dataset's images are about 375 by 500 pixels


def plain(raw: Path, folder: Path) -> int:
    """Preprocesses as a simple script does: a loop over the dataset, one image after the other."""
    import tensorflow_datasets as tfds

    from petseg import records
    from petseg.sources import oxford_pets

    decoders = dict.fromkeys(("image", "segmentation_mask"), tfds.decode.SkipDecoding())
    size = pets.SIZE[::-1]  # Pillow: width, height
    dataset = tfds.builder_from_directory(str(raw / "oxford_iiit_pet" / oxford_pets.VERSION))
    with ExitStack() as stack:
        writers = []
        for split in oxford_pets.SPLITS:
            writer = stack.enter_context(records.SplitWriter(folder, split, 1024, pets.SPEC))
            writers.append(writer)
            for example in tfds.as_numpy(dataset.as_dataset(split=split, decoders=decoders)):
                image = Image.open(io.BytesIO(example["image"])).convert("RGB")
                mask = Image.open(io.BytesIO(example["segmentation_mask"]))
                pixels = np.asarray(image.resize(size, Image.Resampling.BILINEAR))
                labels = np.asarray(mask.resize(size, Image.Resampling.NEAREST)) - 1
                name = example["file_name"].decode().removesuffix(".jpg")
                groups = str(example["label"]), str(example["species"])
                writer.write(records.Example(pixels, labels, name, groups))
    return sum(writer.summary()["examples"] for writer in writers)


def ours(raw: Path, folder: Path) -> int:
    """Preprocesses as the stage does, with all checks, all splits and the manifest."""
    from petseg.sources import preparation

    outcome = preparation.write_records(
        raw,
        folder,
        image_size=pets.SIZE,
        validation_share=0.1,
        drop_unlabelled=True,
        max_bad_examples=0,
        shard_examples=1024,
        seed=1,
    )
    return sum(split["examples"] for split in outcome.manifest["splits"].values())


def decoding(jpegs: Sequence[bytes]) -> int:
    """Only decodes, by libjpeg-turbo through Pillow, on all cores: the floor."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return sum(pool.map(lambda jpeg: Image.open(io.BytesIO(jpeg)).load() is not None, jpegs))


def print_parts(raw_examples: Sequence[RawExample], folder: Path) -> None:
    """Prints the milliseconds per image of each step, on one core."""
    from petseg import records
    from petseg.decoding.mask import decode_mask
    from petseg.decoding.photograph import decode_photograph
    from petseg.sources import prepared

    jpegs = [example.image for example in raw_examples]
    _timed("decode in full", lambda jpeg: Image.open(io.BytesIO(jpeg)).load(), jpegs)
    decode = partial(decode_photograph, at_least=pets.SIZE)
    decoded = _timed("decode as far as needed", decode, jpegs)
    sizes = [image.size for image in decoded]
    masks = _timed(
        "decode and check the mask",
        lambda example, size: decode_mask(example.mask, pets.SPEC, size),
        raw_examples,
        sizes,
    )
    resized = _timed(
        "resize both",
        lambda image, mask: prepared.resize(image.image, mask, pets.SIZE, image.box),
        decoded,
        masks,
    )
    with records.SplitWriter(folder, "train", 1024, pets.SPEC) as writer:
        _timed(
            "write the record",
            lambda pair, raw: writer.write(records.Example(*pair, raw.name, raw.groups)),
            resized,
            raw_examples,
        )


def _timed(step: str, work: Callable, *columns: Sequence) -> list:
    start = time.perf_counter()
    results = [work(*row) for row in zip(*columns, strict=True)]
    milliseconds = 1000 * (time.perf_counter() - start) / len(results)
    print(f"{step:<26}{milliseconds:6.2f} ms", flush=True)
    return results


def main() -> None:
    ways = {"plain": plain, "ours": ours}
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("way", choices=[*ways, "decoding", "parts"])
    parser.add_argument(
        "--pictures", type=Path, help="a folder with images/ and annotations/; default: generated"
    )
    parser.add_argument("--copies", type=int, default=3, help="uses of each image (default: 3)")
    options = parser.parse_args()
    from petseg.sources.raw import open_raw

    raw = pets.as_dataset(options.pictures or pets.drawn(IMAGES, SIDE), options.copies)
    dataset = open_raw(raw)
    (whole,) = dataset.blocks("train", dataset.counts["train"])
    examples = dataset.examples(whole)
    with tempfile.TemporaryDirectory() as folder:
        if options.way == "parts":
            print_parts(list(examples), Path(folder))
            return
        if options.way == "decoding":
            work = partial(decoding, [example.image for example in examples])
        else:
            work = partial(ways[options.way], raw, Path(folder))
            next(examples)  # initializes TensorFlow
        start = time.perf_counter()
        done = work()
        measure.report(done / (time.perf_counter() - start))


if __name__ == "__main__":
    main()
