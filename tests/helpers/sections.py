"""Sections of the shipped parameters, with changes."""

from petseg.core.params import load_params
from petseg.core.strict import AnySection
from tests.helpers import ROOT

SHIPPED = load_params(ROOT / "params.yaml")


def changed(section: AnySection, **changes) -> AnySection:
    """Returns a section with other values, checked like those of a file."""
    return type(section).model_validate(section.model_dump() | changes)
