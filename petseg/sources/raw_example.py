"""Data types of all sources: encoded examples, blocks of them, and keys to draw splits by."""

from typing import NamedTuple


class RawExample(NamedTuple):
    """An encoded image and mask, with a value for each group."""

    name: str
    groups: tuple[str, ...]
    image: bytes
    mask: bytes


class Block(NamedTuple):
    """`count` consecutive examples of a split from `start`, in units of the layout."""

    split: str
    start: int
    count: int  # type: ignore[assignment]  # hides tuple.count


class Key(NamedTuple):
    """What an example's split is drawn by: its name, and its stratum, the value of the first group.

    Examples with the same `digest` stay in one split. It is the SHA-256 of the image, or the name
    if the image was not read.
    """

    name: str
    stratum: str
    digest: str
