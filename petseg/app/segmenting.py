"""Segments many images in parallel, on all cores."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from petseg.app import commands
from petseg.core.errors import PetsegError
from petseg.core.files import atomic_file
from petseg.prediction.images import BadImage, colour_profile, read
from petseg.prediction.network import Network, Segmentation

MEGAPIXELS_AT_ONCE = 64
"""Limit on all open images, to bound memory; larger ones are open alone."""

FORMATS = {
    "jpeg": {"labels": "png", "overlay": "jpg", "cutout": "png"},
    "png": {"labels": "png", "overlay": "png", "cutout": "png"},
    "webp": {"labels": "png", "overlay": "webp", "cutout": "webp"},
}
"""File suffixes by --format and kind of picture."""
SAVED: dict[str, dict[str, Any]] = {
    "jpg": {"format": "JPEG", "quality": 92},
    # For photographs, level 6 saves 7 % but takes 3 times as long.
    "png": {"format": "PNG", "compress_level": 1},
    "webp": {"format": "WEBP", "quality": 90, "method": 2},
}
"""Arguments of Pillow's `save` by suffix."""


class Segmented(NamedTuple):
    """An image's size, shares of classes and regions, and written files."""

    path: Path
    width: int
    height: int
    shares: dict[str, float]
    regions: dict[str, float]
    files: dict[str, Path]


def segment(
    targets: dict[Path, dict[str, Path]],
    load: Callable[[], Network],
    region: str | None = None,
    *,
    flip: bool = False,
    temperature: float = 1.0,
) -> tuple[list[Segmented], dict[Path, str]]:
    """Segments images and writes pictures; prints progress and unreadable images to stderr.

    `targets` maps images to files to write, by kind. Loads the network after the first image.
    Returns results in this order, and the reason for each unreadable image. Raises PetsegError if
    the model cannot be loaded or a picture written.
    """
    done: list[Segmented] = []
    failed: dict[Path, str] = {}
    network, budget = _once(load), _Budget(MEGAPIXELS_AT_ONCE * 1_000_000)

    def one(path: Path) -> Segmented:
        with budget.taken(_pixels(path)):
            image = read(path)
            found = network().segment(image, flip=flip, temperature=temperature)
            for kind, target in targets[path].items():
                _write(found, kind, region, target)
            return Segmented(path, *image.size, found.shares, found.region_shares, targets[path])

    pool = ThreadPoolExecutor(os.cpu_count())  # Pillow and networks release the GIL
    try:
        futures = {path: pool.submit(one, path) for path in targets}
        for path, future in tqdm(futures.items(), "segment", unit="image", disable=None):
            try:
                done.append(future.result())
            except BadImage as error:
                failed[path] = str(error)
                # One write: no log line of TensorFlow gets between text and line break.
                tqdm.write(f"{commands.shown(path)}: {error}\n", file=sys.stderr, end="")
    finally:
        pool.shutdown(cancel_futures=True)
    return done, failed


def save(
    found: Segmentation, kind: str, region: str | None, target: Path | BinaryIO, suffix: str
) -> None:
    """Writes a kind of picture in a suffix's format."""
    if kind == "probabilities":
        values = found.probabilities.astype(np.float16)
        np.savez_compressed(target, probabilities=values, classes=found.spec.class_names)
        return
    draw = {
        "labels": found.mask,
        "overlay": found.overlay,
        "cutout": lambda: found.cutout(region),
    }
    profile = None if kind == "labels" else colour_profile(found.image)
    draw[kind]().save(target, icc_profile=profile, **SAVED[suffix])


def _write(found: Segmentation, kind: str, region: str | None, target: Path) -> None:
    try:
        with atomic_file(target) as temporary:
            save(found, kind, region, temporary, target.suffix[1:])
    except OSError as error:
        reason = error.strerror or error
        raise PetsegError(f"{commands.shown(target)} cannot be written: {reason}") from None


def _pixels(path: Path) -> int:
    """Returns an image's number of pixels; 0 if unreadable."""
    try:
        with Image.open(path) as image:
            return image.width * image.height
    except Exception:  # reading it reports why
        return 0


def _once(load: Callable[[], Network]) -> Callable[[], Network]:
    """Makes the first thread call `load` and the others wait."""
    lock = threading.Lock()
    made: list[Network] = []

    def network() -> Network:
        with lock:
            if not made:
                made.append(load())
            return made[0]

    return network


class _Budget:
    """An amount that threads share; one alone may exceed it."""

    def __init__(self, whole: int):
        self._whole, self._used = whole, 0
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, amount: int) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._used or self._used + amount <= self._whole)
            self._used += amount
        try:
            yield
        finally:
            with self._changed:
                self._used -= amount
                self._changed.notify_all()
