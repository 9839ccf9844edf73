"""Data types of all sources."""

from typing import NamedTuple


class RawExample(NamedTuple):
    """An encoded image and mask, with group values."""

    name: str
    groups: tuple[str, ...]
    image: bytes
    mask: bytes


class Block(NamedTuple):
    """`count` examples of a split from `start`, whose unit depends on the layout."""

    split: str
    start: int
    count: int  # type: ignore[assignment]  # hides tuple.count


class Key(NamedTuple):
    """What a split is drawn by: name, and stratum (value of the first group).

    Examples with the same `digest` (SHA-256 of the image, or its name if unread) stay together.
    """

    name: str
    stratum: str
    digest: str
