"""What lies in folders."""

from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    """Returns the bytes of every file below a folder, by its relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
