"""The caches of training: memory, disk and none."""

import os
import sys
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from petseg import records
from petseg.core.errors import PetsegError
from petseg.records import cache
from tests.helpers.records import write_random

SIZE, COUNTS = (4, 6), {"train": 5, "validation": 2}
NEEDED = 4 * 4 * 6 * sum(COUNTS.values())
BOTH = tuple(COUNTS)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("PETSEG_CACHE_DIR", str(tmp_path / "cache"))
    write_random(tmp_path / "records", COUNTS, SIZE)
    return tmp_path / "records"


@pytest.mark.parametrize(("free", "chosen"), [(2 * NEEDED, "memory"), (2 * NEEDED - 1, "records")])
def test_auto_uses_at_most_half_of_free_memory(folder, monkeypatch, free, chosen):
    monkeypatch.setattr(cache, "free_memory", lambda: free)
    _, description = cache.open_splits(folder, BOTH, "auto")
    assert chosen in description.split(" (")[0]


def test_cache_larger_than_memory_is_refused(folder, monkeypatch):
    monkeypatch.setattr(cache, "free_memory", lambda: NEEDED - 1)
    with pytest.raises(
        PetsegError, match=r"cache memory: .*use machine\.cache: auto, disk or none"
    ):
        cache.open_splits(folder, BOTH, "memory")


@pytest.mark.parametrize("way", ["memory", "disk", "none"])
def test_all_caches_give_the_same_examples(folder, way):
    sources, _ = cache.open_splits(folder, BOTH, way)
    for source, (split, count) in zip(sources, COUNTS.items(), strict=True):
        images, _ = source.fetch(np.arange(count)[::-1])
        np.testing.assert_array_equal(images, records.load(folder, split).images[::-1])


def test_local_copy_is_reused_and_repaired(folder):
    copy = cache.local_copy(folder, ("train",))
    assert sorted(path.name for path in copy.iterdir()) == [
        records.MANIFEST,
        *(f"train-0000{index}.{kind}" for index in range(3) for kind in ("csv", "tfrecord")),
    ]
    shard = copy / "train-00001.tfrecord"
    before, whole = shard.stat().st_mtime_ns, shard.read_bytes()
    assert cache.local_copy(folder, ("train",)) == copy
    assert shard.stat().st_mtime_ns == before

    for damaged in (whole[:-1], bytes(len(whole))):
        shard.write_bytes(damaged)
        cache.local_copy(folder, ("train",))
        assert shard.read_bytes() == whole


def test_too_small_disk_is_refused(folder, monkeypatch):
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda path: SimpleNamespace(free=0))
    with pytest.raises(PetsegError, match=r"cache disk: .* needs 0\.00 GiB"):
        cache.local_copy(folder, ("train",))


@pytest.mark.skipif(sys.platform != "linux", reason="process limits of Linux")
@pytest.mark.parametrize(("limit", "kind"), [("RLIMIT_AS", "vms"), ("RLIMIT_DATA", "data")])
def test_free_memory_respects_process_limits(limit, kind):
    """In a child process, as a process cannot raise a lowered limit again."""
    import resource

    child = os.fork()
    if not child:
        try:
            used = getattr(psutil.Process().memory_info(), kind)
            resource.setrlimit(getattr(resource, limit), (used + 2**28, -1))
            os._exit(0 if 0 < cache.free_memory() <= 2**28 else 1)
        finally:
            os._exit(2)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_copy_that_the_disk_damages_is_refused(folder, monkeypatch):
    def cut(source, target):
        target.write_bytes(source.read_bytes()[:-1])

    monkeypatch.setattr(cache.shutil, "copyfile", cut)
    with pytest.raises(PetsegError, match=r"damaged copies of train-00000"):
        cache.local_copy(folder, ("train",))
