"""Checks of error messages."""

from collections.abc import Callable

import pytest

from petseg.core.errors import PetsegError


def mistakes_in(place: object, read: Callable[[], object]) -> list[str]:
    """Returns the mistakes that `read` lists in one PetsegError about `place`."""
    with pytest.raises(PetsegError) as caught:
        read()
    headline, *lines = str(caught.value).splitlines()
    assert headline == f"{place} has {len(lines)} mistake{'s' if len(lines) > 1 else ''}:"
    assert all(line.startswith("  - ") for line in lines)
    return [line.removeprefix("  - ") for line in lines]
