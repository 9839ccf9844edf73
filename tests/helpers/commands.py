"""Runs the commands of petseg in the process of the test."""

from collections.abc import Callable

import pytest


def exit_code(main: Callable[[list[str]], None], *arguments: object) -> int | str:
    """Runs a command that ends the process; returns its exit code, or its error message."""
    with pytest.raises(SystemExit) as end:
        main([str(one) for one in arguments])
    return end.value.code or 0
