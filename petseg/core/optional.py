"""Packages that only some configurations need."""

from importlib.util import find_spec

from petseg.core.errors import PetsegError


def require_keras_hub(user: str) -> None:
    """PetsegError where KerasHub, which `user`, as a parameter or a file, needs, is missing."""
    if find_spec("keras_hub") is None:
        raise PetsegError(
            f"{user} needs KerasHub, which is not installed:\n"
            "  pip install 'petseg[encoders]'    # in a clone: make extras"
        )
