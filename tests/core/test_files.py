"""Readers find the old file or the new one, however the writer stops."""

import errno
import hashlib
import os
import shutil
import signal
import stat
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from petseg.core import files
from petseg.core.errors import PetsegError
from petseg.core.files import (
    atomic_file,
    atomic_folder,
    file_sha256,
    is_disk_full,
    read_json,
    write_csv,
    write_json,
)
from tests.helpers.disks import SMALL_DISK
from tests.helpers.processes import run_python

STOPS = pytest.mark.parametrize(
    ("stop", "seen"),
    [
        (ValueError("a bug"), ValueError),
        (OSError(errno.ENOSPC, "No space left on device"), PetsegError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["bug", "disk full", "Ctrl-C"],
)


def contents(folder: Path) -> dict[str, bytes | None]:
    """Returns all of a folder: relative path -> bytes, or None for a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }


@contextmanager
def umask(mask: int):
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


def test_atomic_file_creates_parent_folders(tmp_path):
    with atomic_file(tmp_path / "a" / "b" / "new.txt") as temporary:
        temporary.write_text("new")
    assert contents(tmp_path) == {"a": None, "a/b": None, "a/b/new.txt": b"new"}


def test_atomic_file_replaces_old_file_at_the_end(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with atomic_file(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert contents(tmp_path) == {"file.txt": b"new"}


def test_temporary_file_has_name_and_parent_of_target(tmp_path):
    with atomic_file(tmp_path / "net.weights.h5") as temporary:
        assert temporary.is_relative_to(tmp_path)
        assert temporary.name == "net.weights.h5"


@STOPS
@pytest.mark.parametrize("before", [{}, {"file.txt": b"old"}], ids=["none", "old"])
def test_old_file_is_unchanged_if_writer_stops(tmp_path, stop, seen, before):
    for name, data in before.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(seen), atomic_file(tmp_path / "file.txt") as temporary:
        temporary.write_text("half of the n")
        raise stop
    assert contents(tmp_path) == before


def test_atomic_folder_replaces_old_folder_at_the_end(tmp_path):
    target = tmp_path / "deep" / "folder"
    for name in ("old", "new"):
        before = contents(tmp_path / "deep" / "folder")
        with atomic_folder(target) as temporary:
            assert not any(temporary.iterdir())
            (temporary / "sub").mkdir()
            (temporary / "sub" / name).write_text(name)
            assert contents(target) == before
    assert contents(tmp_path / "deep") == {
        "folder": None,
        "folder/sub": None,
        "folder/sub/new": b"new",
    }


@STOPS
def test_old_folder_is_unchanged_if_writer_stops(tmp_path, stop, seen):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("old")
    with pytest.raises(seen), atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "new").write_text("half of the n")
        raise stop
    assert contents(tmp_path) == {"folder": None, "folder/old": b"old"}


def test_partly_deleted_folder_is_never_visible(tmp_path, monkeypatch):
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").write_text("old")
    found, delete = [], shutil.rmtree

    def spy(path, **options):
        found.append(contents(target))
        delete(path, **options)

    monkeypatch.setattr(shutil, "rmtree", spy)
    with atomic_folder(target) as temporary:
        (temporary / "new").write_text("new")
    assert found == [{"new": b"new"}]
    assert contents(tmp_path) == {"folder": None, "folder/new": b"new"}


def test_atomic_folder_does_not_replace_file(tmp_path):
    (tmp_path / "mine").write_text("dear to me")
    with pytest.raises(OSError), atomic_folder(tmp_path / "mine"):
        pass
    assert contents(tmp_path) == {"mine": b"dear to me"}


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077], ids=oct)
def test_permissions_follow_umask(tmp_path, mask):
    with umask(mask):
        with atomic_file(tmp_path / "file"):
            pass
        with atomic_folder(tmp_path / "folder"):
            pass
        assert os.umask(mask) == mask  # left as it was
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o777 & ~mask


WRITE = """
with files.atomic_file({target!r}) as temporary:
    temporary.write_text("half of the n")
    kill()
"""
WRITE_FOLDER = """
with files.atomic_folder({target!r}) as temporary:
    (temporary / "new").write_text("half of the n")
    kill()
"""
RENAME_FOLDER = """
def replace_once(source, target, replace=os.replace):
    replace(source, target)
    kill()
os.replace = replace_once
with files.atomic_folder({target!r}) as temporary:
    (temporary / "new").write_text("new")
"""


def run_until_killed(body: str, target: Path) -> None:
    """Runs Python code in another process, which kill() kills."""
    script = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from petseg.core import files\n"
        "def kill(): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = run_python("-c", script + body.format(target=str(target)))
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_next_writer_deletes_leftovers_of_killed_writer(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    for _ in range(2):
        run_until_killed(WRITE, target)
        assert target.read_text() == "old"
        (leftover,) = tmp_path.glob(".tmp-*")
    with atomic_file(target) as temporary:
        assert not leftover.exists()
        temporary.write_text("new")
    assert contents(tmp_path) == {"file.txt": b"new"}


def test_next_folder_writer_deletes_leftovers_of_killed_writer(tmp_path):
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").write_text("old")
    run_until_killed(WRITE_FOLDER, target)
    assert contents(target) == {"old": b"old"}
    with atomic_folder(target) as temporary:
        (temporary / "new").write_text("new")
    assert contents(tmp_path) == {"folder": None, "folder/new": b"new"}


def test_folder_is_restored_if_writer_was_killed_between_renames(tmp_path):
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").write_text("old")
    run_until_killed(RENAME_FOLDER, target)
    assert not target.exists()
    with pytest.raises(ValueError), atomic_folder(target):
        raise ValueError("the second writer fails too")
    assert contents(tmp_path) == {"folder": None, "folder/old": b"old"}


def test_temporary_folder_of_another_writer_is_kept(tmp_path):
    target = tmp_path / "folder"
    with atomic_folder(target) as slow:
        (slow / "a").write_text("slow")
        with atomic_folder(target) as quick:
            (quick / "a").write_text("quick")
        assert contents(target) == {"a": b"quick"}
    assert contents(tmp_path) == {"folder": None, "folder/a": b"slow"}


def write_text(target: Path) -> None:
    with atomic_file(target) as temporary:
        temporary.write_text("x" * 2 * SMALL_DISK)


def write_folder(target: Path) -> None:
    with atomic_folder(target) as temporary:
        (temporary / "a").write_text("x" * 2 * SMALL_DISK)


WRITERS = {
    "a file": write_text,
    "a folder": write_folder,
    "json": lambda target: write_json(target, list(range(100_000))),
    "csv": lambda target: write_csv(target, pd.DataFrame({"a": np.arange(100_000)})),
}


@pytest.mark.parametrize("foreseen", [True, False])
@pytest.mark.parametrize("write", WRITERS.values(), ids=WRITERS)
def test_full_disk_keeps_old_target_and_reports_needed_space(
    small_disk, monkeypatch, write, foreseen
):
    if not foreseen:  # for example, a quota, or another process filled the disk
        monkeypatch.setattr(files, "require_room", lambda *arguments: None)
    target = small_disk / "results"
    if write is write_folder:
        target.mkdir()
    else:
        target.write_text("old")
    before = contents(small_disk)
    with pytest.raises(PetsegError) as caught:
        write(target)
    message = str(caught.value)
    assert message.startswith(f"{target} could not be written (")
    if write in (write_text, write_folder):
        assert f"MiB that are free in {small_disk} are needed" in message
    else:
        assert f" MiB are needed in {small_disk}, where " in message
    assert "run the same command again" in message
    assert contents(small_disk) == before


def test_full_disk_error_names_final_target(small_disk, tmp_path):
    with pytest.raises(PetsegError) as caught, atomic_folder(small_disk / "raw") as folder:
        write_text(folder / "inside")
    assert str(caught.value).startswith(f"{small_disk / 'raw'} could not be written (")
    with pytest.raises(PetsegError) as caught, atomic_folder(tmp_path / "raw"):
        write_text(small_disk / "elsewhere")
    assert str(caught.value).startswith(f"{small_disk / 'elsewhere'} could not be written (")


def test_too_large_write_is_refused_before_it_starts(tmp_path):
    needs = shutil.disk_usage(tmp_path).free + (1 << 40)
    with (
        pytest.raises(PetsegError, match="MiB are needed in"),
        atomic_folder(tmp_path / "a", needs),
    ):
        pytest.fail("begun")
    assert contents(tmp_path) == {}


def test_is_disk_full_distinguishes_other_errors():
    quota = RuntimeError("h5py: write failed, errno = 122, error message = 'Disk quota exceeded'")
    assert is_disk_full(quota)
    outer = ValueError("cannot close")
    outer.__cause__ = quota
    assert is_disk_full(outer)
    assert not is_disk_full(PermissionError(errno.EACCES, os.strerror(errno.EACCES)))


def test_fsync_runs_before_rename(tmp_path, monkeypatch):
    calls = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, n=name, r=real: (calls.append(n), r(*a)))
    write_json(tmp_path / "a.json", 1)
    assert calls == ["fsync", "replace"]


def test_json_is_indented_and_round_trips(tmp_path):
    content = {"name": "Müller", "scores": [0.1, 2]}
    write_json(tmp_path / "a.json", content)
    text = '{\n  "name": "Müller",\n  "scores": [\n    0.1,\n    2\n  ]\n}\n'
    assert (tmp_path / "a.json").read_bytes() == text.encode()
    assert read_json(tmp_path / "a.json") == content


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_refuses_nan_and_infinity(tmp_path, number):
    write_json(tmp_path / "a.json", {"score": 1})
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"scores": [number]})
    assert contents(tmp_path) == before


def test_csv_has_eight_significant_digits_and_no_index(tmp_path):
    table = pd.DataFrame(
        {"epoch": [1, 2], "loss": [1 / 3, 2e-9], "share": [None, 0.5], "pet": ["Müller", "a,b"]}
    )
    write_csv(tmp_path / "a.csv", table)
    text = 'epoch,loss,share,pet\n1,0.33333333,,Müller\n2,2e-09,0.5,"a,b"\n'
    assert (tmp_path / "a.csv").read_bytes() == text.encode()


@pytest.mark.parametrize("size", [0, 3, (1 << 20) + 1])
def test_sha256_of_any_file_size(tmp_path, size):
    data = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "file").write_bytes(data[:size])
    assert file_sha256(tmp_path / "file") == hashlib.sha256(data[:size]).hexdigest()
