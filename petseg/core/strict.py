"""YAML sections as strict pydantic models, with all mistakes in one message."""

import reprlib
from collections.abc import Mapping
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from petseg.core.errors import PetsegError

Count = Annotated[int, Field(ge=1, le=1_000_000)]
NonNegativeCount = Annotated[int, Field(ge=0, le=1_000_000)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=1000)]


Element = TypeVar("Element")


def _listed(value: object) -> tuple[object, ...]:
    if not isinstance(value, list | tuple):
        raise ValueError(f"{shown(value)} should be a list")
    return tuple(value)


def _pair(value: object) -> tuple[object, ...]:
    values = _listed(value)
    if len(values) != 2:
        raise ValueError(f"{shown(value)} should be a list of 2")
    return values


def _one_or_more(value: object) -> tuple[object, ...]:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _text_or_share(value: object) -> object:
    share = type(value) is float and 0 < value < 1
    if not (share or value is None or (isinstance(value, str) and value)):
        raise ValueError(f"{shown(value)} should be a text, or a share between 0 and 1")
    return value


Listed = Annotated[tuple[Element, ...], BeforeValidator(_listed)]
"""A list in YAML, a tuple in Python."""

Pair = Annotated[tuple[Element, ...], BeforeValidator(_pair)]
"""A list of two elements in YAML, a tuple in Python."""

OneOrMore = Annotated[tuple[Element, ...], BeforeValidator(_one_or_more)]
"""One value or a list of values in YAML, a tuple in Python."""

TextOrShare = Annotated[Any, BeforeValidator(_text_or_share)]
"""A text, a number between 0 and 1 (both excluded), or None."""


class Section(BaseModel):
    """A frozen section: no key is unknown or missing, and no value is converted."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


AnySection = TypeVar("AnySection", bound=Section)


def parse_section(kind: type[AnySection], content: object, source: str) -> AnySection:
    """Returns a section from nested dicts. Raises PetsegError with all mistakes."""
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        mistakes = [_line(mistake, kind) for mistake in error.errors(include_url=False)]
    lines = "".join(f"\n  - {mistake}" for mistake in mistakes)
    raise PetsegError(f"{source} has {len(mistakes)} mistake{'s' * (len(mistakes) != 1)}:{lines}")


_PLAIN_WORDS = {
    "a valid boolean": "true or false",
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "a text",
}


def _line(mistake: Mapping[str, Any], kind: type[Section]) -> str:
    """Returns one of pydantic's errors as a line: the full key and the mistake."""
    value, parts = mistake["input"], list(mistake["loc"])
    field = kind.model_fields.get(parts[0]) if parts else None
    if field and field.discriminator:
        del parts[1:2]  # the chosen section's name, not a key
    if mistake["type"] == "invalid_key":
        parts[-1] = shown(value)  # a key that is a number, not an index
    if parts and parts[-1] == "[key]":
        del parts[-2:]  # the value in the message is the key itself
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)
    place = place.lstrip(".") or "the file"
    match mistake["type"]:
        case "missing":
            return f"{place}: missing"
        case "extra_forbidden" | "invalid_key":
            return f"{place}: unknown key"
        case "union_tag_not_found":
            return f"{place}.type: missing"
        case "union_tag_invalid":
            tag, tags = mistake["ctx"]["tag"], mistake["ctx"]["expected_tags"]
            return f"{place}.type: {shown(tag)} should be one of {tags}"
        case "model_type" | "model_attributes_type":
            return f"{place}: expected keys and values"
        case "value_error":
            return f"{place}: {mistake['ctx']['error']}"
        case "float_type" if type(value) is int:
            return f"{place}: {shown(value)} is too large"
    _, _, requirement = mistake["msg"].partition(" should ")
    for theirs, ours in _PLAIN_WORDS.items():
        requirement = requirement.replace(theirs, ours)
    return f"{place}: {shown(value)} should {requirement}"


class _Short(reprlib.Repr):
    """Shortens collections and numbers: ten lines of YAML aliases can mean billions of values."""

    def repr_int(self, value: int, level: int) -> str:
        bits = value.bit_length()  # Python refuses to format very large integers
        return repr(value) if bits < 10_000 else f"a whole number of {bits} bits"

    def repr_str(self, value: str, level: int) -> str:
        return repr(value)


def shown(value: object) -> str:
    """Returns a value as text for a message."""
    short = _Short()
    short.maxlevel = 2
    return short.repr(value)
