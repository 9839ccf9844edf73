"""Writing files so that a reader finds the old one or the new one, never half of one.

What is being written lies in a folder named `.tmp-...` beside its target. A process that is killed
leaves it behind; the next one that writes the same target clears it away.
"""

import contextlib
import errno
import glob
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from petseg.core.errors import PetsegError

if TYPE_CHECKING:
    import pandas as pd
    from filelock import FileLock

TEMPORARY = ".tmp-"

_MARK = ".in-use-"

_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


@contextmanager
def atomic_file(target: Path, needs: int = 0) -> Iterator[Path]:
    """Yields the path of an empty temporary file; on success it becomes `target`, else it goes.

    Its name is that of `target`, as some writers choose a format by it. PetsegError where the disk
    is full, at once where `needs`, the number of bytes if it is known, is more than what is free.
    """
    target = Path(target)
    with _folder_beside(target, needs) as folder:
        temporary = folder / target.name
        temporary.touch()
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())  # else a power cut may keep the new name and lose the bytes
        os.replace(temporary, target)


@contextmanager
def atomic_folder(target: Path, needs: int = 0) -> Iterator[Path]:
    """Yields an empty temporary folder; on success it becomes `target`, else it goes.

    It lies in the same file system as `target`. PetsegError as in `atomic_file`.
    """
    target = Path(target)
    with _folder_beside(target, needs) as folder:
        new, old = folder / "new", folder / "old"
        new.mkdir()
        yield new
        if target.is_dir():  # deleting takes time: until it is done, half a folder would be seen
            os.replace(target, old)
        os.replace(new, target)


def require_room(target: Path, needs: int) -> None:
    """PetsegError where fewer than `needs` bytes are free in the file system of `target`."""
    if shutil.disk_usage(_existing_folder(target)).free < needs:
        raise _disk_full(target, needs, os.strerror(errno.ENOSPC))


def is_disk_full(error: BaseException) -> bool:
    """Whether an error, or one that led to it, comes from a full disk or quota.

    TensorFlow and h5py have errors of their own, which quote the system's words.
    """
    return _reason(error) is not None


@contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Marks a folder as in use until the block ends, or the process, even if it is killed."""
    mark = folder / f"{_MARK}{uuid4().hex}"
    lock = _lock(mark, timeout=1)
    with contextlib.suppress(OSError):  # a file system without locks
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
        mark.unlink(missing_ok=True)


def is_in_use(folder: Path) -> bool:
    """Whether a process marks `folder` as in use; True also where files cannot be locked."""
    return any(_is_held(mark) for mark in folder.glob(f"{_MARK}*"))


def write_text(target: Path, text: str) -> None:
    """Writes a text in UTF-8, atomically."""
    data = text.encode()
    with atomic_file(target, needs=len(data)) as temporary:
        temporary.write_bytes(data)


def write_json(target: Path, content: object) -> None:
    """Writes `content` as indented JSON, atomically; NaN and infinity raise ValueError."""
    write_text(target, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(source: Path) -> Any:
    """The content of a JSON file."""
    return json.loads(Path(source).read_text(encoding="utf-8"))


def write_csv(target: Path, table: "pd.DataFrame") -> None:
    """Writes a pandas DataFrame as CSV without its index, atomically.

    Floats keep eight significant digits: enough to compare by, and few enough to read.
    """
    write_text(target, table.to_csv(index=False, float_format="%.8g", lineterminator="\n"))


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal, read in blocks of 1 MiB."""
    digest = sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _folder_beside(target: Path, needs: int) -> Iterator[Path]:
    """A temporary folder beside `target` while the block runs; a full disk is a PetsegError."""
    folder = None
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(target)
        require_room(target, needs)
        folder = Path(tempfile.mkdtemp(prefix=f"{TEMPORARY}{target.name}-", dir=target.parent))
        try:
            with in_use(folder):
                yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    except Exception as error:
        reason = _reason(error)
        told = isinstance(error, PetsegError) and (folder is None or str(folder) not in str(error))
        if reason is None or told:
            raise
        raise _disk_full(target, needs, reason) from error


def _clear_leftovers(target: Path) -> None:
    """Clears what killed processes left of their attempts to write `target`."""
    for folder in target.parent.glob(f"{TEMPORARY}{glob.escape(target.name)}-????????"):
        if is_in_use(folder):
            continue
        if not target.exists() and (folder / "old").is_dir():
            os.replace(folder / "old", target)  # killed between the two renames
        shutil.rmtree(folder, ignore_errors=True)


def _is_held(mark: Path) -> bool:
    """Whether a process holds the lock on a mark; a mark that a killed process left is removed."""
    try:
        with _lock(mark, timeout=0):
            pass
    except OSError:
        return True
    mark.unlink(missing_ok=True)
    return False


def _lock(mark: Path, timeout: float) -> "FileLock":
    from filelock import FileLock  # takes a tenth of a second; a command that only reads needs none

    return FileLock(mark, timeout=timeout, fallback_to_soft=False)


def _reason(error: BaseException | None) -> str | None:
    """The system's words for a full disk, where they are behind an error."""
    while error is not None:
        for code in _DISK_FULL:
            if getattr(error, "errno", None) == code or os.strerror(code) in str(error):
                return os.strerror(code)
        error = error.__cause__ or error.__context__
    return None


def _disk_full(target: Path, needs: int, reason: str) -> PetsegError:
    folder = _existing_folder(target)
    free = _mebibytes(shutil.disk_usage(folder).free)
    if needs:
        room = f"{_mebibytes(needs)} are needed in {folder}, where {free} are free"
    else:
        room = f"more than the {free} that are free in {folder} are needed"
    return PetsegError(
        f"{target} could not be written ({reason}): {room}. "
        "Nothing is half written; make room and run the same command again"
    )


def _existing_folder(path: Path) -> Path:
    """The nearest folder above a path that is there, by its full name."""
    return next(folder for folder in Path(path).absolute().parents if folder.is_dir())


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"
