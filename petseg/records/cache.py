"""Caches for training: memory, a local copy of the shards, or none.

The batches are identical in all of them. `memory` loads whole splits. `none` reads each example
from the records when needed, and leaves caching to the operating system. `disk` does the same with
a local copy of the shards, for records on a remote file system.
"""

import math
import shutil
import sys
from pathlib import Path

import psutil

from petseg.core.errors import PetsegError
from petseg.core.files import atomic_file, file_sha256
from petseg.core.paths import user_cache
from petseg.records.manifest import MANIFEST, manifest, split_files
from petseg.records.reading import load
from petseg.records.source import Source, in_memory, on_disk

SHARE_OF_FREE_MEMORY = 0.5
"""The share that `auto` allows for examples. The rest is for networks and other processes."""


def open_splits(folder: Path, splits: tuple[str, ...], cache: str) -> tuple[list[Source], str]:
    """Returns the sources of `splits` for `cache` (auto, memory, disk, none), with a description.

    Raises PetsegError if `memory` is too small, or the disk for `disk`, or a copy is damaged.
    """
    needed, free = examples_bytes(folder, splits), free_memory()
    amounts = f"{_gib(needed)} of images and masks, {_gib(free)} of memory free"
    if cache == "auto":
        cache = "memory" if needed <= SHARE_OF_FREE_MEMORY * free else "none"
    if cache == "memory":
        if needed > free:
            raise PetsegError(f"cache memory: {amounts}; use machine.cache: auto, disk or none")
        loaded = [in_memory(load(folder, split)) for split in splits]
        return loaded, f"memory ({amounts})"
    if cache == "disk":
        folder = local_copy(folder, splits)
        return [on_disk(folder, split) for split in splits], f"a copy in {folder} ({amounts})"
    return [on_disk(folder, split) for split in splits], f"the records ({amounts})"


def examples_bytes(folder: Path, splits: tuple[str, ...]) -> int:
    """Returns the size in bytes of the images and masks of `splits` in memory."""
    content = manifest(folder)
    pixels = math.prod(content["image_size"])
    return sum(4 * pixels * content["splits"][split]["examples"] for split in splits)


def free_memory() -> int:
    """Returns the bytes that the machine, the container and the process limits leave free."""
    free = [psutil.virtual_memory().available]
    for limit, used in (
        ("memory.max", "memory.current"),  # cgroup v2
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),  # cgroup v1
    ):
        allowed, taken = (_number(Path("/sys/fs/cgroup") / name) for name in (limit, used))
        if allowed is not None and taken is not None:
            free.append(allowed - taken)
    if sys.platform == "linux":
        process = psutil.Process()
        memory = process.memory_info()
        for resource, size in (
            (psutil.RLIMIT_AS, memory.vms),
            (psutil.RLIMIT_DATA, memory.data),
        ):
            soft, _ = process.rlimit(resource)
            if soft != psutil.RLIM_INFINITY:
                free.append(soft - size)
    return max(0, min(free))


def local_copy(folder: Path, splits: tuple[str, ...]) -> Path:
    """Copies the shards of `splits` to the user's cache, for this run and later ones.

    Skips intact copies of earlier runs. Raises PetsegError if the disk is too small, or a copy is
    damaged.
    """
    content = manifest(folder)
    digest = file_sha256(folder / MANIFEST)
    target = user_cache() / "records" / digest[:16]
    files = {name: e for split in splits for name, e in split_files(content, split).items()}
    missing = [name for name, entry in files.items() if not _is_intact(target / name, entry)]
    target.mkdir(parents=True, exist_ok=True)
    needed, free = sum(files[name]["bytes"] for name in missing), shutil.disk_usage(target).free
    if needed > free:
        raise PetsegError(f"cache disk: {target} needs {_gib(needed)} and has {_gib(free)} free")
    for name in (MANIFEST, *missing):
        with atomic_file(target / name) as temporary:
            shutil.copyfile(folder / name, temporary)
    damaged = [name for name in missing if not _is_intact(target / name, files[name])]
    if damaged:
        raise PetsegError(f"cache disk: {target} has damaged copies of {', '.join(damaged)}")
    return target


def _is_intact(path: Path, entry: dict) -> bool:
    same_size = path.is_file() and path.stat().st_size == entry["bytes"]
    return same_size and file_sha256(path) == entry["sha256"]


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # no such file, or "max"
        return None


def _gib(count: int) -> str:
    return f"{count / 2**30:.2f} GiB"
