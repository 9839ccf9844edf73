"""Segments photographs: pet, background and border, at each photograph's own size.

    petseg predict cat.jpg holidays/
    petseg predict --cutout --json --out results holidays/ > shares.json

Writes into the folder OUT, for each photograph NAME (folders below the ones that are named stay):

    NAME_labels.png    the dataset's mask values, 1 pet, 2 background, 3 border, in colours
    NAME_overlay.png   the photograph with outlines and a legend
    NAME_cutout.png    with --cutout: the pet on a transparent background

and prints each class's share of the pixels. Every format that Pillow reads is taken, HEIC where
pillow-heif is installed, and of several frames the first; folders are searched with all below them.
Where a photograph is transparent, the network sees grey, and the cutout is no more opaque. A
photograph that cannot be read is reported, the others go on, and the exit code is 1.
"""

import argparse
import itertools
import json
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from petseg.app import commands, images
from petseg.core.classes import CLASS_NAMES
from petseg.core.errors import PetsegError
from petseg.core.files import atomic_file
from petseg.sources import integrity

BATCH_PIXELS = 32_000_000
"""A batch ends before its photographs have more pixels than this, for the sake of memory."""


class Segmented(NamedTuple):
    """What became of one photograph: its size, the classes' shares and the files written."""

    path: Path
    width: int
    height: int
    shares: dict[str, float]
    files: dict[str, Path]


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, _parser(), arguments)


def _main(options: argparse.Namespace) -> int:
    integrity.limit_megapixels(options.max_megapixels)
    found = images.find(options.photographs, options.out)
    if not found:
        raise PetsegError(f"no photograph in {', '.join(map(commands.shown, options.photographs))}")
    kinds = ("labels", "overlay", "cutout") if options.cutout else ("labels", "overlay")
    targets = {
        path: {kind: Path(f"{options.out / result}_{kind}.png") for kind in kinds}
        for path, result in found.items()
    }
    images.refuse_to_overwrite(
        list(found), (target for files in targets.values() for target in files.values())
    )
    done, failed = segment(options.model, targets, flip=options.flip, batch_size=options.batch_size)
    print(_json(options, done, failed) if options.json else _table(done))
    if failed:
        print(f"{len(failed)} of {len(found)} photographs could not be read", file=sys.stderr)
    return 1 if failed else 0


def segment(
    model: Path, targets: dict[Path, dict[str, Path]], *, flip: bool, batch_size: int
) -> tuple[list[Segmented], dict[Path, str]]:
    """Segments photographs and writes their pictures; progress and mishaps go to the terminal.

    `targets` tells for each photograph which kinds of picture to write, and where. Returns what
    was done, in the order of `targets`, and why the others could not be read. PetsegError for a
    model that is none, and where a picture cannot be written.
    """
    commands.require_model(model)
    done: list[Segmented] = []
    failed: dict[Path, str] = {}
    batches = _batches(targets, batch_size, failed)
    first = next(batches, None)  # where none can be read, nobody waits for TensorFlow
    if first is None:
        return done, failed
    network = commands.load_model(model)
    from petseg.evaluation import full_size, inference

    run = inference.runner(network, flip=flip)
    with (
        tqdm(total=len(targets), desc="segment", unit="photo", disable=None) as progress,
        ThreadPoolExecutor(os.cpu_count()) as pool,  # Pillow compresses without Python's lock
    ):
        for batch in itertools.chain([first], batches):
            size = inference.image_size(network)
            logits = run(np.stack([full_size.square(image, size) for image in batch.values()]))
            files = [targets[path] for path in batch]
            done += pool.map(_write, batch, batch.values(), logits, files)
            batch.clear()  # before the next ones are read
            progress.update(len(done) + len(failed) - progress.n)
        progress.update(len(targets) - progress.n)
    return done, failed


def _batches(
    targets: dict[Path, dict[str, Path]], batch_size: int, failed: dict[Path, str]
) -> Iterator[dict[Path, Image.Image]]:
    """The photographs that can be read, some at a time; the others come into `failed`."""
    batch: dict[Path, Image.Image] = {}
    for path in targets:
        try:
            batch[path] = images.read(path)
        except images.BadPhotograph as error:
            failed[path] = str(error)
            tqdm.write(f"{commands.shown(path)}: {error}", file=sys.stderr)
        pixels = sum(image.width * image.height for image in batch.values())
        if len(batch) == batch_size or pixels >= BATCH_PIXELS:
            yield batch
            batch = {}
    if batch:
        yield batch


def _write(path: Path, image: Image.Image, logits: np.ndarray, files: dict[str, Path]) -> Segmented:
    from petseg.evaluation import full_size
    from petseg.figures import segmented

    labels = full_size.labels(logits, image.height, image.width)
    draw = {
        "labels": lambda: segmented.label_picture(labels),
        "overlay": lambda: segmented.outlined(integrity.on_grey(image), labels),
        "cutout": lambda: segmented.cutout(image, full_size.opacity(logits, labels)),
    }
    profile = images.colour_profile(image)
    for kind, target in files.items():
        try:
            with atomic_file(target) as temporary:
                draw[kind]().save(
                    temporary, "PNG", icc_profile=None if kind == "labels" else profile
                )
        except OSError as error:
            reason = error.strerror or error
            raise PetsegError(f"{commands.shown(target)} cannot be written: {reason}") from None
    shares = dict(zip(CLASS_NAMES, segmented.shares(labels), strict=True))
    return Segmented(path, image.width, image.height, shares, files)


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser("predict", __doc__)
    parser.add_argument(
        "photographs", metavar="PHOTO_OR_FOLDER", nargs="+", type=Path, help="what to segment"
    )
    commands.add_model_option(parser)
    commands.add_limit_option(parser)
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("predictions"),
        metavar="FOLDER",
        help="where the pictures go; default: %(default)s",
    )
    parser.add_argument(
        "--cutout", action="store_true", help="write the pet on a transparent background, too"
    )
    parser.add_argument(
        "--flip",
        action="store_true",
        help="average with what the network says of the mirrored photograph; takes twice as long",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--batch-size",
        type=commands.whole_number(1, 1024),
        default=16,
        metavar="N",
        help="photographs at a time, at most; default: %(default)s",
    )
    return parser


def _json(options: argparse.Namespace, done: list[Segmented], failed: dict[Path, str]) -> str:
    content = {
        "model": commands.text(options.model),
        "photographs": [
            {
                "photograph": commands.text(row.path),
                "width": row.width,
                "height": row.height,
                "shares": row.shares,
                "files": {kind: commands.text(path) for kind, path in row.files.items()},
            }
            for row in done
        ],
        "failed": [
            {"photograph": commands.text(path), "reason": why} for path, why in failed.items()
        ],
    }
    return json.dumps(content, indent=2, allow_nan=False)  # in ASCII, which any terminal takes


def _table(done: list[Segmented]) -> str:
    heads = ("photograph", "size", *CLASS_NAMES)
    rows = [
        (
            commands.shown(row.path),
            f"{row.width}x{row.height}",
            *(f"{s:.1%}" for s in row.shares.values()),
        )
        for row in done
    ]
    return commands.table(heads, rows)


if __name__ == "__main__":
    main()
