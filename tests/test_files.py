"""Readers find the old file or the new one, whatever stops the writer."""

import errno
import hashlib
import os
import shutil
import stat
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from petseg.files import (
    atomic_file,
    atomic_folder,
    file_sha256,
    read_json,
    write_csv,
    write_json,
)

STOPS = pytest.mark.parametrize(
    "stop",
    [ValueError("a bug"), OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()],
    ids=["bug", "disk full", "Ctrl-C"],
)


def contents(folder: Path) -> dict[str, bytes | None]:
    """Everything in a folder: relative path -> bytes, None for a folder."""
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


def test_a_file_appears_where_there_was_none_with_its_folders(tmp_path):
    with atomic_file(tmp_path / "a" / "b" / "new.txt") as temporary:
        temporary.write_text("new")
    assert contents(tmp_path) == {"a": None, "a/b": None, "a/b/new.txt": b"new"}


def test_the_new_file_replaces_the_old_one_at_the_end_only(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old")
    with atomic_file(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert contents(tmp_path) == {"file.txt": b"new"}


def test_the_temporary_file_lies_beside_the_target_and_keeps_its_suffix(tmp_path):
    with atomic_file(tmp_path / "net.weights.h5") as temporary:
        assert temporary.parent == tmp_path
        assert temporary.name.endswith(".weights.h5")


@STOPS
@pytest.mark.parametrize("before", [{}, {"file.txt": b"old"}], ids=["none", "old"])
def test_a_file_stays_as_it_was_where_its_writer_stops(tmp_path, stop, before):
    for name, data in before.items():
        (tmp_path / name).write_bytes(data)
    with pytest.raises(type(stop)), atomic_file(tmp_path / "file.txt") as temporary:
        temporary.write_text("half of the n")
        raise stop
    assert contents(tmp_path) == before


def test_the_new_folder_replaces_the_old_one_at_the_end_only(tmp_path):
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
def test_a_folder_stays_as_it_was_where_its_writer_stops(tmp_path, stop):
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "old").write_text("old")
    with pytest.raises(type(stop)), atomic_folder(tmp_path / "folder") as temporary:
        (temporary / "new").write_text("half of the n")
        raise stop
    assert contents(tmp_path) == {"folder": None, "folder/old": b"old"}


def test_a_folder_is_never_seen_half_deleted(tmp_path, monkeypatch):
    target = tmp_path / "folder"
    target.mkdir()
    (target / "old").write_text("old")
    seen, delete = [], shutil.rmtree

    def spy(path, **options):
        seen.append(contents(target))
        delete(path, **options)

    monkeypatch.setattr(shutil, "rmtree", spy)
    with atomic_folder(target) as temporary:
        (temporary / "new").write_text("new")
    assert seen == [{"new": b"new"}]
    assert contents(tmp_path) == {"folder": None, "folder/new": b"new"}


def test_a_folder_does_not_replace_a_file(tmp_path):
    (tmp_path / "mine").write_text("dear to me")
    with pytest.raises(OSError), atomic_folder(tmp_path / "mine"):
        pass
    assert contents(tmp_path) == {"mine": b"dear to me"}


@pytest.mark.parametrize("mask", [0o022, 0o002, 0o077], ids=oct)
def test_permissions_are_those_of_any_new_file_or_folder(tmp_path, mask):
    with umask(mask):
        with atomic_file(tmp_path / "file"):
            pass
        with atomic_folder(tmp_path / "folder"):
            pass
        assert os.umask(mask) == mask  # left as it was
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o666 & ~mask
    assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o777 & ~mask


def test_json_is_readable_and_read_back(tmp_path):
    content = {"name": "Müller", "scores": [0.1, 2]}
    write_json(tmp_path / "a.json", content)
    text = '{\n  "name": "Müller",\n  "scores": [\n    0.1,\n    2\n  ]\n}\n'
    assert (tmp_path / "a.json").read_bytes() == text.encode()
    assert read_json(tmp_path / "a.json") == content


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_json_refuses_what_is_no_number(tmp_path, number):
    write_json(tmp_path / "a.json", {"score": 1})
    before = contents(tmp_path)
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "a.json", {"scores": [number]})
    assert contents(tmp_path) == before


def test_csv_holds_eight_significant_digits_and_no_index(tmp_path):
    table = pd.DataFrame(
        {"epoch": [1, 2], "loss": [1 / 3, 2e-9], "share": [None, 0.5], "pet": ["Müller", "a,b"]}
    )
    write_csv(tmp_path / "a.csv", table)
    text = 'epoch,loss,share,pet\n1,0.33333333,,Müller\n2,2e-09,0.5,"a,b"\n'
    assert (tmp_path / "a.csv").read_bytes() == text.encode()


@pytest.mark.parametrize("size", [0, 3, (1 << 20) + 1])
def test_sha256_of_a_file_of_any_size(tmp_path, size):
    data = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "file").write_bytes(data[:size])
    assert file_sha256(tmp_path / "file") == hashlib.sha256(data[:size]).hexdigest()
