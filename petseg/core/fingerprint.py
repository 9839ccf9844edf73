"""A short name for what determines a result, to tell whether one that is there still holds."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path

import petseg
from petseg.core.files import file_sha256


def of(causes: object, rooms: Iterable[str]) -> str:
    """16 hex digits: of `causes`, which JSON can hold, and of the code in `rooms` of petseg."""
    package = Path(petseg.__file__).parent
    code = {
        path.relative_to(package).as_posix(): file_sha256(path)
        for room in rooms
        for path in sorted((package / room).rglob("*.py"))
    }
    text = json.dumps([causes, code], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
