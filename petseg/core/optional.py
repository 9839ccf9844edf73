"""Packages that only some configurations need."""

from importlib.util import find_spec

from petseg.core.errors import PetsegError


def require_keras_hub(user: str) -> None:
    """Raises PetsegError if KerasHub, which `user` (a parameter or file) needs, is missing."""
    if find_spec("keras_hub") is None:
        raise PetsegError(
            f"{user} needs KerasHub, which is not installed:\n"
            "  pip install 'petseg[encoders]'    # in a clone: make extras"
        )
