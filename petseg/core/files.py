"""Atomic writes: a reader finds the old file or the new one, never a partial one.

Temporary files are in a folder `.tmp-...` next to their target. If a process is killed, the next
one that writes the same target deletes that folder.
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
    """Yields an empty temporary file, which becomes `target` on success and is else deleted.

    The file has the name of `target`, as some writers choose a format by it. Raises PetsegError if
    the disk is full, before anything is written if `needs`, in bytes, exceeds the free space.
    """
    target = Path(target)
    with _folder_beside(target, needs) as folder:
        temporary = folder / target.name
        temporary.touch()
        yield temporary
        with open(temporary, "rb+") as stream:
            os.fsync(stream.fileno())  # else a power cut may keep the new name without the bytes
        os.replace(temporary, target)


@contextmanager
def atomic_folder(target: Path, needs: int = 0) -> Iterator[Path]:
    """Yields an empty temporary folder, which becomes `target` on success and is else deleted.

    It is in the same file system as `target`. Raises PetsegError as `atomic_file` does.
    """
    target = Path(target)
    with _folder_beside(target, needs) as folder:
        new, old = folder / "new", folder / "old"
        new.mkdir()
        yield new
        if target.is_dir():  # renamed, as readers would see a folder that is partly deleted
            os.replace(target, old)
        os.replace(new, target)


def require_room(target: Path, needs: int) -> None:
    """Raises PetsegError if `target`'s file system has fewer than `needs` bytes free."""
    if shutil.disk_usage(_existing_folder(target)).free < needs:
        raise _disk_full(target, needs, os.strerror(errno.ENOSPC))


def is_disk_full(error: BaseException) -> bool:
    """Returns whether an error, or one that caused it, reports a full disk or quota.

    TensorFlow and h5py raise their own errors, which quote the system's message.
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
    """Returns whether a process marks `folder` as in use. True if files cannot be locked."""
    return any(_is_held(mark) for mark in folder.glob(f"{_MARK}*"))


def write_text(target: Path, text: str) -> None:
    """Writes text as UTF-8, atomically."""
    data = text.encode()
    with atomic_file(target, needs=len(data)) as temporary:
        temporary.write_bytes(data)


def write_json(target: Path, content: object) -> None:
    """Writes indented JSON, atomically. Raises ValueError for NaN and infinity."""
    write_text(target, json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def read_json(source: Path) -> Any:
    """Returns the content of a JSON file."""
    return json.loads(Path(source).read_text(encoding="utf-8"))


def write_csv(target: Path, table: "pd.DataFrame") -> None:
    """Writes a DataFrame as CSV without its index, atomically.

    Floats have eight significant digits: enough to compare, and still readable.
    """
    write_text(target, table.to_csv(index=False, float_format="%.8g", lineterminator="\n"))


def file_sha256(path: Path) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    digest = sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


@contextmanager
def _folder_beside(target: Path, needs: int) -> Iterator[Path]:
    """Yields a temporary folder next to `target`. Raises PetsegError if the disk is full."""
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
        reported = isinstance(error, PetsegError) and (
            folder is None or str(folder) not in str(error)
        )
        if reason is None or reported:
            raise
        raise _disk_full(target, needs, reason) from error


def _clear_leftovers(target: Path) -> None:
    """Deletes the temporary folders of killed processes that wrote `target`."""
    for folder in target.parent.glob(f"{TEMPORARY}{glob.escape(target.name)}-????????"):
        if is_in_use(folder):
            continue
        if not target.exists() and (folder / "old").is_dir():
            os.replace(folder / "old", target)  # killed between the two renames
        shutil.rmtree(folder, ignore_errors=True)


def _is_held(mark: Path) -> bool:
    """Returns whether a process holds the lock on a mark. Removes marks of killed processes."""
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
    """Returns the system's message if a full disk caused the error, else None."""
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
        "No partial file is left; free some space and run the same command again"
    )


def _existing_folder(path: Path) -> Path:
    """Returns the nearest existing parent folder, as an absolute path."""
    return next(folder for folder in Path(path).absolute().parents if folder.is_dir())


def _mebibytes(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB"
