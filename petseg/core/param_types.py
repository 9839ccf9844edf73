"""Types of values that params.yaml may write in two ways."""

from collections.abc import Container
from typing import Annotated

from pydantic import PlainValidator

from petseg.core.strict import shown

BALANCED = "balanced"
"""Class weights computed from the classes' shares of the training pixels."""


def _image_size(value: object) -> tuple[int, int]:
    sides = value if isinstance(value, list | tuple) else (value, value)
    valid = len(sides) == 2 and all(
        type(side) is int and 32 <= side <= 4096 and side % 32 == 0 for side in sides
    )
    if not valid:
        raise ValueError(
            f"{shown(value)} should be a multiple of 32 from 32 to 4096, or two of them: "
            "[height, width]"
        )
    height, width = sides
    return height, width


def _class_weights(value: object) -> dict[str, float] | str:
    if value == BALANCED:
        return BALANCED
    if not isinstance(value, dict):
        raise ValueError(
            f"{shown(value)} should be {BALANCED}, or a weight for each class that is named"
        )
    named = {name if isinstance(name, str) else shown(name): w for name, w in value.items()}
    for name, weight in named.items():
        if type(weight) not in (int, float) or not 0 <= weight <= 1000:
            raise ValueError(f"{shown(weight)} of {name} should be a number from 0 to 1000")
    return {name: float(weight) for name, weight in named.items()}


ImageSize = Annotated[tuple[int, int], PlainValidator(_image_size)]
"""(height, width) in pixels. In YAML a list of both, or one number for a square."""

ClassWeights = Annotated[dict[str, float] | str, PlainValidator(_class_weights)]
"""A weight for each named class, or BALANCED."""


def unknown_classes(
    class_weights: dict[str, float] | str, class_names: Container[str]
) -> list[str]:
    """Returns the names in `class_weights` that are not classes."""
    if isinstance(class_weights, str):  # BALANCED
        return []
    return [name for name in class_weights if name not in class_names]
