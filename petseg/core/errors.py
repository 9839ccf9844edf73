"""The exception whose message is for the user."""


class PetsegError(Exception):
    """An error that the user can fix. The message names the cause and the next step."""


def first_line(error: Exception) -> str:
    """Returns the first line of a library's error message, or its type if the message is empty."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
