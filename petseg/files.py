"""Writing files so that a reader finds the old one or the new one, never half of one."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """Yields a temporary path beside `target`; on success it becomes `target`, else it goes.

    The temporary name keeps the suffix of `target`, as some writers choose a format by it.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=".tmp-", suffix=target.name, dir=target.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(target: Path) -> Iterator[Path]:
    """Yields an empty temporary folder; on success it becomes `target`, else it goes.

    It lies in the same file system as `target`.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".tmp-{target.name}-", dir=target.parent))
    new, old = temporary / "new", temporary / "old"
    try:
        new.mkdir()
        yield new
        if target.is_dir():  # deleting takes time: until it is done, half a folder would be seen
            os.replace(target, old)
        os.replace(new, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_json(target: Path, content: object) -> None:
    """Writes `content` as indented JSON, atomically; NaN and infinity raise ValueError."""
    text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    with atomic_file(target) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(source: Path):
    """The content of a JSON file."""
    return json.loads(Path(source).read_text(encoding="utf-8"))


def write_csv(target: Path, table) -> None:
    """Writes a pandas DataFrame as CSV without its index, atomically.

    Floats keep eight significant digits: enough to compare by, and few enough to read.
    """
    with atomic_file(target) as temporary:
        table.to_csv(temporary, index=False, float_format="%.8g", lineterminator="\n")


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal, read in blocks of 1 MiB."""
    digest = sha256()
    with open(path, "rb") as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
