"""Where training takes its examples from: memory, a copy on this machine's disk, or the records.

The batches are the same bit for bit. `memory` loads whole splits; `none` reads each example from
the records when it is its turn, and leaves caching to the operating system; `disk` does so from a
copy of the shards, for records in a folder of another machine.
"""

import math
import shutil
from pathlib import Path

import psutil

from petseg.core.errors import PetsegError
from petseg.core.files import atomic_file, file_sha256
from petseg.core.paths import user_cache
from petseg.records.manifest import MANIFEST, manifest, split_files
from petseg.records.reading import load
from petseg.records.source import Source, in_memory, on_disk

SHARE_OF_FREE_MEMORY = 0.5
"""What `auto` lets examples take: the rest is for the networks and other processes."""


def open_splits(folder: Path, splits: tuple[str, ...], cache: str) -> tuple[list[Source], str]:
    """The sources of `splits` by `cache` (auto, memory, disk, none), and a one-line description.

    PetsegError where memory is asked for and would not do, or a shard is damaged.
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
    """The bytes that the images and masks of `splits` take in memory."""
    content = manifest(folder)
    pixels = math.prod(content["image_size"])
    return sum(4 * pixels * content["splits"][split]["examples"] for split in splits)


def free_memory() -> int:
    """The bytes that this process may still take: of the machine, its container, its own limit."""
    free = [psutil.virtual_memory().available]
    process = psutil.Process()
    for limit, used in (
        ("memory.max", "memory.current"),  # cgroup v2
        ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"),  # cgroup v1
    ):
        allowed, taken = (_number(Path("/sys/fs/cgroup") / name) for name in (limit, used))
        if allowed is not None and taken is not None:
            free.append(allowed - taken)
    if hasattr(process, "rlimit"):  # Linux
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
    """A copy of the shards of `splits` in the user's cache, where it stays for the next run.

    Shards that are there already and whole are not copied again. PetsegError where the disk is too
    small, or does not keep what is written.
    """
    content = manifest(folder)
    digest = file_sha256(folder / MANIFEST)
    target = user_cache() / "records" / digest[:16]
    files = {name: e for split in splits for name, e in split_files(content, split).items()}
    missing = [name for name, entry in files.items() if not _is_there(target / name, entry)]
    target.mkdir(parents=True, exist_ok=True)
    needed, free = sum(files[name]["bytes"] for name in missing), shutil.disk_usage(target).free
    if needed > free:
        raise PetsegError(f"cache disk: {target} needs {_gib(needed)} and has {_gib(free)} free")
    for name in (MANIFEST, *missing):
        with atomic_file(target / name) as temporary:
            shutil.copyfile(folder / name, temporary)
    damaged = [name for name in missing if not _is_there(target / name, files[name])]
    if damaged:
        raise PetsegError(f"cache disk: {target} has damaged copies of {', '.join(damaged)}")
    return target


def _is_there(path: Path, entry: dict) -> bool:
    same_size = path.is_file() and path.stat().st_size == entry["bytes"]
    return same_size and file_sha256(path) == entry["sha256"]


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):  # no such file, or "max"
        return None


def _gib(count: int) -> str:
    return f"{count / 2**30:.2f} GiB"
