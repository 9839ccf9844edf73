"""Sections of parameters: the shipped ones, and changed ones."""

from petseg.core.params import load_params
from petseg.core.strict import AnySection
from tests.helpers import ROOT

SHIPPED = load_params(ROOT / "params.yaml")


def changed(section: AnySection, **changes) -> AnySection:
    """A section with other values, which are checked as those of a file are."""
    return type(section).model_validate(section.model_dump() | changes)
