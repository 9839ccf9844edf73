"""Adds names to `leave_out` in a dataset.yaml; keeps comments."""

import io
from collections.abc import Iterable
from pathlib import Path

from ruamel.yaml import YAML

from petseg.core.files import atomic_file

KEY = "leave_out"


def add(path: Path, names: Iterable[str]) -> list[str]:
    """Adds missing names; returns them in order."""
    yaml = YAML(typ="rt")
    yaml.preserve_quotes = True
    yaml.width = 1 << 16
    yaml.indent(mapping=2, sequence=4, offset=2)
    content = yaml.load(path.read_bytes().decode())
    present = content.get(KEY) or []
    added = [name for name in dict.fromkeys(names) if name not in present]
    if not added:
        return []
    if present:
        present.extend(added)
    else:
        content[KEY] = added
    text = io.StringIO()
    yaml.dump(content, text)
    with atomic_file(path) as temporary:
        temporary.write_bytes(text.getvalue().encode())
    return added
