"""Segments images on many machines: `petseg predict --runner beam`.

All machines must reach the output folder: it contains the network, the job and lists of images. A
list is a part, done when its table of shares exists; an interrupted run resumes with the others.
"""

import csv
import io
import json
import math
import re
import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from petseg.app import images, segmenting
from petseg.core import beam
from petseg.core.beam_files import exists, matches, read, write
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.errors import PetsegError, first_line
from petseg.decoding import photograph
from petseg.prediction import network
from petseg.prediction.images import BadImage, decode

PART_IMAGES, LEAST_PARTS = 1000, 64
"""Most images in a part, and fewest parts, so that every worker gets some."""

JOB = "job.json"


class Job(NamedTuple):
    """A run's arguments; `suffixes` are file suffixes by kind of picture."""

    pattern: str
    out: str
    network: str
    spec: DatasetSpec
    suffixes: dict[str, str]
    region: str | None
    flip: bool
    temperature: float
    max_megapixels: int

    def described(self) -> dict:
        """Returns the job for JSON, which identifies a run."""
        return self._asdict() | {"spec": self.spec.to_json()}


class Part(NamedTuple):
    """Paths of a part's list of images and tables."""

    images: str
    shares: str
    failed: str

    def rows(self, path: str) -> list[list[str]]:
        """Returns a table's rows; none without the file."""
        if not exists(path):
            return []
        _, *rows = csv.reader(io.StringIO(read(path).decode(), newline=""))
        return rows


class Outcome(NamedTuple):
    """Number of segmented images; path and reason of failed ones."""

    segmented: int
    failed: list[list[str]]


def segment(job: Job, model: Path, options: Sequence[str]) -> Outcome:
    """Segments all images of a job, with a copy of `model`.

    Raises PetsegError if there is none, the folder has results of another run, or the pipeline
    fails.
    """
    parts = _parts(job, model)
    missing = [part for part in parts if not exists(part.shares)]
    beam.for_each(
        partial(segment_part, job=job),
        missing,
        options,
        what="segment",
        total=len(parts),
        finished=lambda: sum(exists(part.shares) for part in parts),
    )
    segmented = sum(len(part.rows(part.shares)) for part in parts)
    return Outcome(segmented, [row for part in parts for row in part.rows(part.failed)])


def segment_part(part: Part, *, job: Job) -> None:
    """Writes a part's pictures, then its tables."""
    if exists(part.shares):  # a runner may run a part twice
        return
    photograph.limit_megapixels(job.max_megapixels)
    loaded = _network(f"{job.out}/{job.network}", job.spec)
    rows, failed = [], []
    for path, result in json.loads(read(part.images)):
        try:
            image = decode(read(path), PurePosixPath(path).suffix)
        except (BadImage, OSError) as error:
            failed.append((path, first_line(error)))
            continue
        found = loaded.segment(image, flip=job.flip, temperature=job.temperature)
        for kind, suffix in job.suffixes.items():
            picture = io.BytesIO()
            segmenting.save(found, kind, job.region, picture, suffix)
            write(f"{job.out}/{result}_{kind}.{suffix}", picture.getvalue())
        shares = (*found.shares.values(), *found.region_shares.values())
        rows.append((path, *image.size, *(f"{share:.6g}" for share in shares)))
    if failed:
        _write_table(part.failed, ("image", "reason"), failed)
    regions = [f"region {name}" for name in job.spec.regions]
    _write_table(part.shares, ("image", "width", "height", *job.spec.class_names, *regions), rows)


def _parts(job: Job, model: Path) -> list[Part]:
    """Returns a run's parts; prepares a new run's folder."""
    described = f"{job.out}/{JOB}"
    if exists(described):
        content = json.loads(read(described))
        count = content.pop("parts")
        if content != json.loads(json.dumps(job.described())):
            raise PetsegError(f"{job.out} holds results of another run; choose another folder")
        return [_part(job, number, count) for number in range(count)]
    listed = _listed(job)
    size = min(PART_IMAGES, math.ceil(len(listed) / LEAST_PARTS))
    count = math.ceil(len(listed) / size)
    parts = [_part(job, number, count) for number in range(count)]
    for number, part in enumerate(parts):
        write(part.images, json.dumps(listed[number * size : (number + 1) * size]).encode())
    write(f"{job.out}/{job.network}", model.read_bytes())
    write(described, json.dumps(job.described() | {"parts": count}, indent=2).encode())
    return parts


def _listed(job: Job) -> list[tuple[str, str]]:
    """Returns each image's path, and its results' stem in the job's folder."""
    found = [path for path in matches(job.pattern) if not path.startswith(f"{job.out}/")]
    if not found:
        raise PetsegError(f"no image at {job.pattern}; for a folder, use FOLDER/**")
    found_base = re.match(r"(?:[^*?\[]*/)?", job.pattern)
    base = found_base.group() if found_base else ""
    relative = [PurePosixPath(path.removeprefix(base)) for path in found]
    short = images.shortened(relative)
    return [(path, str(short[one])) for path, one in zip(found, relative, strict=True)]


def _part(job: Job, number: int, count: int) -> Part:
    name = f"{number:05d}-of-{count:05d}"
    paths = f"lists/{name}.json", f"shares-{name}.csv", f"failed-{name}.csv"
    return Part(*(f"{job.out}/{path}" for path in paths))


def _write_table(path: str, heads: Sequence[str], rows: Sequence[Sequence]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([heads, *rows])
    write(path, text.getvalue().encode(errors="backslashreplace"))


_LOADED: dict[str, tuple[network.Network, tempfile.TemporaryDirectory]] = {}
"""This process's networks by path, and temporary folders of their files."""


def _network(path: str, spec: DatasetSpec) -> network.Network:
    if path not in _LOADED:
        folder = tempfile.TemporaryDirectory()
        copy = Path(folder.name, PurePosixPath(path).name)
        copy.write_bytes(read(path))
        _LOADED[path] = network.load(copy, spec=spec), folder
    return _LOADED[path][0]
