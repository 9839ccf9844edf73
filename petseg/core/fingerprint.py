"""A short hash of everything that determines a result, to check if a stored one is current."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import petseg
from petseg.core.files import file_sha256


def of(causes: object, packages: Iterable[str]) -> str:
    """Returns a hash, 16 hex digits, of `causes` (JSON-serializable) and petseg's `packages`."""
    root = Path(petseg.__file__).parent
    code = {
        path.relative_to(root).as_posix(): file_sha256(path)
        for package in packages
        for path in sorted((root / package).rglob("*.py"))
    }
    text = json.dumps([causes, code], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
