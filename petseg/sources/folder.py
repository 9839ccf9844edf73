"""Checks a folder's images and masks, and copies them to data/raw/dataset."""

from collections import Counter
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from tqdm import tqdm

from petseg.core.dataset_file import DatasetFile, Folder
from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256
from petseg.core.parallel import parallel_map
from petseg.sources import inputs, listing, mistakes, raw
from petseg.sources.listing import Row
from petseg.sources.pairing import Mask, Mistakes
from petseg.sources.stored_files import Stored, write_table

SAME_BYTES = "the same image, byte for byte, in two splits; keep one"
DAMAGED = "files that cannot be read; fix or replace them"


class _Unreadable(Exception):
    """The message names an unreadable file and the reason."""


def bring(dataset: DatasetFile, target: Path) -> dict:
    """Copies images, copies or draws masks, and returns the provenance.

    Raises PetsegError with all mistakes; `target` may then be incomplete.
    """
    found = listing.find(dataset)
    known = {kind: list(them) for kind, them in found.mistakes.items() if them}
    stored = _store(dataset, found.rows, None if known else target, known)
    mistakes.refuse(dataset.file, known)
    write_table(target, stored, dataset.groups)
    raw.describe(target, dataset, "files", listing.shares(dataset))
    provenance = {
        "source": listing.base_folder(dataset).as_posix(),
        inputs.YAML_SHA256: file_sha256(dataset.file),
        "examples": dict(Counter(row.split for row in stored)),
    }
    fingerprint = inputs.folder_fingerprint(dataset, found)
    return provenance | ({"fingerprint": fingerprint} if fingerprint else {})


def _store(
    dataset: DatasetFile, rows: list[Row], target: Path | None, known: Mistakes
) -> list[Stored]:
    """Stores or only reads examples; adds mistakes to `known`."""
    read_mask = _reader(dataset, rows) if target else None
    results = parallel_map(
        lambda row: _store_one(row, target, read_mask),
        tqdm(rows, "copy", unit="image", disable=None),
    )
    stored: list[Stored] = []
    first_of: dict = {}
    damaged: dict = {}
    for row, result in zip(rows, results, strict=True):
        if isinstance(result, _Unreadable):
            damaged[str(result)] = None
            continue
        stored.append(result)
        first = first_of.setdefault(result.digest, row)
        if first.split != row.split and first.name != row.name:
            known.setdefault(SAME_BYTES, []).append(
                f"{first.image} ({first.split}) and {row.image} ({row.split})"
            )
    if damaged:
        known[DAMAGED] = list(damaged)  # no duplicates: an unknown COCO label fails every image
    return stored


def _store_one(
    row: Row, target: Path | None, read_mask: Callable[[Mask], bytes] | None
) -> Stored | _Unreadable:
    try:
        image = _bytes(row.image)
        mask = read_mask(row.mask) if read_mask else b""
    except _Unreadable as error:
        return error
    suffix = ".png" if row.mask.path.suffix.lower() == ".json" else row.mask.path.suffix
    paths = f"images/{row.name}{row.image.suffix}", f"masks/{row.name}{suffix}"
    if target:
        for path, data in zip(paths, (image, mask), strict=True):
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(data)
    return Stored(row.split, row.name, *paths, sha256(image).hexdigest(), row.groups)


def _reader(dataset: DatasetFile, rows: list[Row]) -> Callable[[Mask], bytes]:
    source = dataset.source
    assert isinstance(source, Folder)
    if not source.annotated:
        return lambda mask: _bytes(mask.path)
    from petseg.sources import annotations

    files = {row.mask.path for row in rows} if source.coco is not None else ()
    coco = {path: annotations.open_coco(path) for path in files}

    def draw(mask: Mask) -> bytes:
        try:
            if coco:
                return coco[mask.path].mask(mask.entry, dataset, source.unlabelled)
            return annotations.labelme_mask(mask.path, dataset, source.unlabelled)
        except PetsegError as error:
            raise _Unreadable(str(error)) from None

    return draw


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _Unreadable(f"{path}: {error.strerror}") from None
