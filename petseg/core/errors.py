"""The one exception that a user is meant to read, and what it quotes of others."""


class PetsegError(Exception):
    """Something the user can mend: the message names the thing and the way on."""


def first_line(error: Exception) -> str:
    """The first line of what an error of a library says, or its kind where it says nothing."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
