"""Files on whatever Apache Beam reads and writes: gs://, s3://, hdfs://, or this machine's own."""

import posixpath
from pathlib import Path
from typing import Any

from petseg.core import beam
from petseg.core.files import atomic_file


def matches(pattern: str) -> list[str]:
    """The files that a pattern finds, sorted; `*` stays inside a folder, `**` does not."""
    (found,) = _systems().match([pattern])
    return sorted(entry.path for entry in found.metadata_list)


def exists(path: str) -> bool:
    """Whether there is such a file."""
    found: bool = _systems().exists(path)
    return found


def read(path: str) -> bytes:
    """The content of a file; OSError where there is none."""
    with _systems().open(path, compression_type="uncompressed") as stream:
        content: bytes = stream.read()
    return content


def write(path: str, content: bytes) -> None:
    """Writes a file whole: elsewhere than on this machine, it appears when it is complete."""
    systems = _systems()
    if systems.get_scheme(path) is None:
        with atomic_file(Path(path), len(content)) as temporary:
            temporary.write_bytes(content)
        return
    with systems.create(path) as stream:
        stream.write(content)


def absolute(path: str) -> str:
    """A path that means the same on all machines; one with a scheme as it is."""
    return path.rstrip("/") if _systems().get_scheme(path) else posixpath.abspath(path)


def _systems() -> Any:
    return beam.imported().io.filesystems.FileSystems
