"""The shipped parameters with mistakes in them, and what is said of these."""

import copy
from functools import reduce
from pathlib import Path

from petseg.core import params, yaml12
from tests.helpers import ROOT
from tests.helpers.errors import mistakes_in

SHIPPED = yaml12.read(ROOT / "params.yaml")


def is_section(key: str, value: object) -> bool:
    """Whether a value has keys that are known; class_weights has the names of classes."""
    return isinstance(value, dict) and key != "class_weights"


def paths(content: dict, above: str = "") -> list[str]:
    """The dotted paths of all keys, those of sections included."""
    found = []
    for key, value in content.items():
        found.append(above + key)
        found += paths(value, f"{above}{key}.") if is_section(key, value) else []
    return found


KEYS = paths(SHIPPED)
"""Of all values and sections, by their full names."""

SECTIONS = [
    path
    for path in KEYS
    if is_section(path.rpartition(".")[2], reduce(dict.get, path.split("."), SHIPPED))
]


def changed(values: dict[str, object]) -> dict:
    """The shipped parameters with other values at dotted paths."""
    content = copy.deepcopy(SHIPPED)
    for path, value in values.items():
        *above, key = path.split(".")
        reduce(dict.get, above, content)[key] = value
    return content


def mistakes(content: object) -> list[str]:
    """Returns the mistakes that `content` has as parameters."""
    return mistakes_in("here", lambda: params.parse_params(content, "here"))


def load_text(folder: Path, text: str) -> params.Params:
    """The parameters in a file of this text."""
    (folder / "params.yaml").write_text(text, encoding="utf-8")
    return params.load_params(folder / "params.yaml")
