"""Reads and writes YAML 1.2 with ruamel.yaml, as DVC does.

PyYAML follows version 1.1, which reads `1e-05`, as DVC writes a small number, as text.
"""

import io
import re
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError

from petseg.core.errors import PetsegError

_LEADING_POINT = ("tag:yaml.org,2002:float", re.compile(r"[-+]?\.[0-9]+[eE][0-9]+$"))


def read(path: Path) -> Any:
    """Returns the content of a YAML file. Raises PetsegError if it cannot be read or parsed."""
    try:
        return parse(Path(path).read_bytes(), str(path))
    except OSError as error:
        raise PetsegError(f"{path} cannot be read: {error.strerror}") from None


def parse(data: bytes, source: str) -> Any:
    """Returns the content of UTF-8 YAML in plain Python types, or None if it is empty.

    Raises PetsegError, beginning with `source`, for invalid YAML, duplicated keys and custom tags.
    So parsing creates only plain data.
    """
    try:
        return _yaml().load(data.decode())
    except MarkedYAMLError as error:
        reason = f"{error.problem or error.context}\n{error.problem_mark}"
    except Exception as error:  # IndexError, RecursionError and others for odd content
        reason = str(error)
    raise PetsegError(f"{source} cannot be read: {reason}")


def dump(content: object) -> str:
    """Returns plain data as YAML, in the given order. `parse` reverses it."""
    stream = io.StringIO()
    _yaml().dump(content, stream)
    return stream.getvalue()


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    # ruamel.yaml infers this attribute's type from its default, None.
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    for first in "-+.":  # without this, ruamel.yaml reads `.5e3` as text, for lack of a sign
        yaml.resolver.versioned_resolver[first].append(_LEADING_POINT)
    return yaml
