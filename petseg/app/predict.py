"""Segments images: the class of each pixel, at each image's own size.

    petseg predict cat.jpg holidays/
    petseg predict --cutout --json --out results holidays/ > shares.json

Writes into the folder OUT, for each image NAME (folders below the ones that are named stay):

    NAME_labels.png    a mask with the dataset's values or colours, in the colours of the classes
    NAME_overlay.png   the image with outlines and a legend
    NAME_cutout.png    with --cutout or --region: a region on a transparent background

and prints each class's share of the pixels. The network's file says what its classes and regions
are. Every format that Pillow reads is taken, HEIC where pillow-heif is installed, and of several
frames the first; folders are searched with all below them. Where an image is transparent, the
network sees grey, and the cutout is no more opaque. An image that cannot be read is reported, the
others go on, and the exit code is 1.
"""

import argparse
import functools
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
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.errors import PetsegError
from petseg.core.files import atomic_file
from petseg.decoding import photograph

BATCH_PIXELS = 32_000_000
"""A batch ends before its images have more pixels than this, for the sake of memory."""


class Segmented(NamedTuple):
    """What became of one image: its size, the shares of classes and regions, the files written."""

    path: Path
    width: int
    height: int
    shares: dict[str, float]
    regions: dict[str, float]
    files: dict[str, Path]


def main(arguments: list[str] | None = None) -> None:
    commands.run(_main, _parser(), arguments)


def _main(options: argparse.Namespace) -> int:
    photograph.limit_megapixels(options.max_megapixels)
    found = images.find(options.images, options.out)
    if not found:
        raise PetsegError(f"no image in {', '.join(map(commands.shown, options.images))}")
    cutout = options.cutout or options.region is not None
    kinds = ("labels", "overlay", "cutout") if cutout else ("labels", "overlay")
    targets = {
        path: {kind: Path(f"{options.out / result}_{kind}.png") for kind in kinds}
        for path, result in found.items()
    }
    images.refuse_to_overwrite(
        list(found), (target for files in targets.values() for target in files.values())
    )
    spec = commands.model_spec(options.model, options.dataset)
    region = commands.cutout_region(spec, options.region) if cutout else None
    done, failed = segment(options, spec, region, targets)
    print(_json(options, done, failed) if options.json else _table(done, spec))
    if failed:
        print(f"{len(failed)} of {len(found)} images could not be read", file=sys.stderr)
    return 1 if failed else 0


def segment(
    options: argparse.Namespace,
    spec: DatasetSpec,
    region: str | None,
    targets: dict[Path, dict[str, Path]],
) -> tuple[list[Segmented], dict[Path, str]]:
    """Segments images and writes their pictures; progress and mishaps go to the terminal.

    `region` is that of the cutouts; `targets` tells for each image which kinds of picture to write,
    and where. Returns what was done, in the order of `targets`, and why the others could not be
    read. PetsegError for a model that is none, and where a picture cannot be written.
    """
    done: list[Segmented] = []
    failed: dict[Path, str] = {}
    batches = _batches(targets, options.batch_size, failed)
    first = next(batches, None)  # where none can be read, nobody waits for TensorFlow
    if first is None:
        return done, failed
    model, _ = commands.load_model(options.model, options.dataset)
    from petseg.evaluation import full_size, inference

    run, size = inference.runner(model, flip=options.flip), inference.image_size(model)
    write = functools.partial(_write, spec, region)
    with (
        tqdm(total=len(targets), desc="segment", unit="image", disable=None) as progress,
        ThreadPoolExecutor(os.cpu_count()) as pool,  # Pillow compresses without Python's lock
    ):
        for batch in itertools.chain([first], batches):
            seen = [full_size.network_input(image, size) for image in batch.values()]
            files = [targets[path] for path in batch]
            done += pool.map(write, batch, batch.values(), run(np.stack(seen)), files)
            batch.clear()  # before the next ones are read
            progress.update(len(done) + len(failed) - progress.n)
        progress.update(len(targets) - progress.n)
    return done, failed


def _batches(
    targets: dict[Path, dict[str, Path]], batch_size: int, failed: dict[Path, str]
) -> Iterator[dict[Path, Image.Image]]:
    """The images that can be read, some at a time; the others come into `failed`."""
    batch: dict[Path, Image.Image] = {}
    for path in targets:
        try:
            batch[path] = images.read(path)
        except images.BadImage as error:
            failed[path] = str(error)
            tqdm.write(f"{commands.shown(path)}: {error}", file=sys.stderr)
        pixels = sum(image.width * image.height for image in batch.values())
        if len(batch) == batch_size or pixels >= BATCH_PIXELS:
            yield batch
            batch = {}
    if batch:
        yield batch


def _write(
    spec: DatasetSpec,
    region: str | None,
    path: Path,
    image: Image.Image,
    logits: np.ndarray,
    files: dict[str, Path],
) -> Segmented:
    from petseg.evaluation import full_size
    from petseg.figures import segmented

    labels = full_size.labels(logits, image.height, image.width)
    draw = {
        "labels": lambda: segmented.label_picture(labels, spec),
        "overlay": lambda: segmented.outlined(photograph.on_grey(image), labels, spec),
        "cutout": lambda: segmented.cutout(image, full_size.opacity(logits, labels, spec, region)),
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
    found = segmented.shares(labels, len(spec.classes))
    shares = dict(zip(spec.class_names, found, strict=True))
    regions = {name: sum(shares[one] for one in members) for name, members in spec.regions.items()}
    return Segmented(path, *image.size, shares, regions, files)


def _parser() -> argparse.ArgumentParser:
    parser = commands.parser("predict", __doc__)
    parser.add_argument(
        "images", metavar="IMAGE_OR_FOLDER", nargs="+", type=Path, help="what to segment"
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
        "--cutout",
        action="store_true",
        help="write a region on a transparent background, too: the one for which the dataset says "
        "so, or its first",
    )
    commands.add_region_option(parser, "the region, or class, of the cutout; implies --cutout")
    parser.add_argument(
        "--flip",
        action="store_true",
        help="average with what the network says of the mirrored image; takes twice as long",
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument(
        "--batch-size",
        type=commands.whole_number(1, 1024),
        default=16,
        metavar="N",
        help="images at a time, at most; default: %(default)s",
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
                "regions": row.regions,
                "files": {kind: commands.text(path) for kind, path in row.files.items()},
            }
            for row in done
        ],
        "failed": [
            {"photograph": commands.text(path), "reason": why} for path, why in failed.items()
        ],
    }
    return json.dumps(content, indent=2, allow_nan=False)  # in ASCII, which any terminal takes


def _table(done: list[Segmented], spec: DatasetSpec) -> str:
    from petseg.figures.palette import legend_labels

    present = {i for row in done for i, share in enumerate(row.shares.values()) if share}
    names = [spec.class_names[label] for label in legend_labels(spec, present)]
    rows = [
        (
            commands.shown(row.path),
            f"{row.width}x{row.height}",
            *(f"{row.shares[name]:.1%}" for name in names),
        )
        for row in done
    ]
    return commands.table(("image", "size", *names), rows)


if __name__ == "__main__":
    main()
