"""The one exception that a user is meant to read."""


class PetsegError(Exception):
    """Something the user can mend: the message names the thing and the way on."""
