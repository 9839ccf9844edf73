"""Files on any file system that Apache Beam supports: gs://, s3://, hdfs:// or local."""

import posixpath
from pathlib import Path
from typing import Any

from petseg.core import beam
from petseg.core.files import atomic_file


def matches(pattern: str) -> list[str]:
    """Returns the matching files, sorted. `*` matches within a folder, `**` across folders."""
    (found,) = _systems().match([pattern])
    return sorted(entry.path for entry in found.metadata_list)


def exists(path: str) -> bool:
    """Returns whether the file exists."""
    found: bool = _systems().exists(path)
    return found


def read(path: str) -> bytes:
    """Returns the content of a file. Raises OSError if it does not exist."""
    with _systems().open(path, compression_type="uncompressed") as stream:
        content: bytes = stream.read()
    return content


def write(path: str, content: bytes) -> None:
    """Writes a file atomically. A remote file appears only when it is complete."""
    systems = _systems()
    if systems.get_scheme(path) is None:
        with atomic_file(Path(path), len(content)) as temporary:
            temporary.write_bytes(content)
        return
    with systems.create(path) as stream:
        stream.write(content)


def absolute(path: str) -> str:
    """Returns the absolute path. A path with a scheme is unchanged."""
    return path.rstrip("/") if _systems().get_scheme(path) else posixpath.abspath(path)


def _systems() -> Any:
    return beam.imported().io.filesystems.FileSystems
