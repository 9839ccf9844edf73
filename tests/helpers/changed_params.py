"""The shipped parameters with changes, and the mistakes that are found in them."""

import copy
from functools import reduce
from pathlib import Path

from petseg.core import params, yaml12
from tests.helpers import ROOT
from tests.helpers.errors import mistakes_in

SHIPPED = yaml12.read(ROOT / "params.yaml")


def is_section(key: str, value: object) -> bool:
    """Whether a value has fixed keys; the keys of class_weights are names of classes."""
    return isinstance(value, dict) and key != "class_weights"


def paths(content: dict, above: str = "") -> list[str]:
    """Returns the dotted paths of all keys, including those of sections."""
    found = []
    for key, value in content.items():
        found.append(above + key)
        found += paths(value, f"{above}{key}.") if is_section(key, value) else []
    return found


KEYS = paths(SHIPPED)
"""The paths of all values and sections."""

SECTIONS = [
    path
    for path in KEYS
    if is_section(path.rpartition(".")[2], reduce(dict.get, path.split("."), SHIPPED))
]


def changed(values: dict[str, object]) -> dict:
    """Returns the shipped parameters with other values at dotted paths."""
    content = copy.deepcopy(SHIPPED)
    for path, value in values.items():
        *above, key = path.split(".")
        reduce(dict.get, above, content)[key] = value
    return content


def mistakes(content: object) -> list[str]:
    """Returns the mistakes that are found in `content`."""
    return mistakes_in("here", lambda: params.parse_params(content, "here"))


def load_text(folder: Path, text: str) -> params.Params:
    """Loads the parameters from a file with this text."""
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    return params.load_params(folder / "params.yaml")
