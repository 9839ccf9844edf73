"""The manifest of the records: their content, and the size and SHA-256 of every file.

TFRecord's checksums detect damage inside a record, but not a file truncated between two records or
a missing shard.
"""

from pathlib import Path

from petseg.core.dataset_spec import DatasetSpec, parse_spec
from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256, read_json

MANIFEST = "manifest.json"
SPLITS = ("train", "validation", "test")

_REBUILD_HINT = "rebuild them with: dvc repro -f preprocess"


def manifest(folder: Path) -> dict:
    """Returns the manifest of a folder of records. Raises PetsegError if missing or damaged."""
    try:
        content = read_json(folder / MANIFEST)
    except (FileNotFoundError, ValueError):
        content = None
    if not isinstance(content, dict) or not {"dataset", "image_size", "splits"} <= content.keys():
        raise PetsegError(f"{folder / MANIFEST} is missing or damaged; {_REBUILD_HINT}")
    return content


def spec(folder: Path) -> DatasetSpec:
    """Returns the spec of the dataset in a folder of records."""
    return parse_spec(manifest(folder)["dataset"], str(folder / MANIFEST))


def image_size(folder: Path) -> tuple[int, int]:
    """Returns the height and width of all images in a folder of records."""
    height, width = manifest(folder)["image_size"]
    return height, width


def split_files(content: dict, split: str) -> dict[str, dict]:
    """Returns the files of a split in order -> their `bytes` and `sha256`.

    Raises PetsegError if the manifest is from another version of this package.
    """
    try:
        shards = content["splits"][split]["shards"]
        return {name: entry for shard in shards for name, entry in shard["files"].items()}
    except (KeyError, TypeError):
        raise PetsegError(f"the records have another layout; {_REBUILD_HINT}") from None


def verify(folder: Path, splits: tuple[str, ...] = SPLITS) -> dict:
    """Returns the manifest if all files of `splits` are intact. Else raises PetsegError."""
    content = manifest(folder)
    mistakes = []
    for split in splits:
        expected = split_files(content, split)
        found = {path.name for path in folder.glob(f"{split}-*")}
        mistakes += [f"{name} is missing" for name in sorted(expected.keys() - found)]
        mistakes += [f"{name} is not in the manifest" for name in sorted(found - expected.keys())]
        for name in sorted(expected.keys() & found):
            size = (folder / name).stat().st_size
            if size != expected[name]["bytes"]:
                mistakes.append(f"{name} has {size} bytes, not {expected[name]['bytes']}")
            elif file_sha256(folder / name) != expected[name]["sha256"]:
                mistakes.append(f"{name} has changed since it was written (SHA-256 differs)")
    if mistakes:
        lines = "".join(f"\n  - {mistake}" for mistake in mistakes)
        raise PetsegError(f"the records in {folder} are damaged; {_REBUILD_HINT}:{lines}")
    return content
