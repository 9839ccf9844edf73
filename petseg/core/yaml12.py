"""YAML as DVC reads and writes it: version 1.2, by ruamel.yaml.

PyYAML follows version 1.1, in which `1e-05`, as DVC writes a small number, is a text.
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
    """The content of a YAML file; PetsegError where it cannot be read, as for `parse`."""
    try:
        return parse(Path(path).read_bytes(), str(path))
    except OSError as error:
        raise PetsegError(f"{path} cannot be read: {error.strerror}") from None


def parse(data: bytes, source: str) -> Any:
    """What YAML in UTF-8 holds, in plain Python types; None where it is empty.

    PetsegError, which begins with `source`, where it is no YAML, has a key twice, or a tag of other
    programs (no object but plain data is ever made).
    """
    try:
        return _yaml().load(data.decode())
    except MarkedYAMLError as error:
        reason = f"{error.problem or error.context}\n{error.problem_mark}"
    except Exception as error:  # IndexError, RecursionError and others for odd content
        reason = str(error)
    raise PetsegError(f"{source} cannot be read: {reason}")


def dump(content: object) -> str:
    """Plain data as YAML, in the given order; `parse` gives the same back."""
    stream = io.StringIO()
    _yaml().dump(content, stream)
    return stream.getvalue()


def _yaml() -> YAML:
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    # ruamel.yaml infers this attribute's type from its default, None.
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]
    for first in "-+.":  # ruamel.yaml takes `.5e3` for a text: its exponent must have a sign there
        yaml.resolver.versioned_resolver[first].append(_LEADING_POINT)
    return yaml
