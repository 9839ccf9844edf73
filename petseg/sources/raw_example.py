"""What every kind of source gives: encoded examples, and what a split is drawn by."""

from typing import NamedTuple


class RawExample(NamedTuple):
    """An example as the dataset holds it: encoded image and mask, a value for each group."""

    name: str
    groups: tuple[str, ...]
    image: bytes
    mask: bytes


class Block(NamedTuple):
    """`count` examples of a split, one after the other, from `start` on, as the layout counts."""

    split: str
    start: int
    count: int  # type: ignore[assignment]  # hides tuple.count


class Key(NamedTuple):
    """What an example's split is drawn by: its name and its stratum, the value of the first group.

    `digest` is the same for examples that must not be parted: the SHA-256 of the image, or, where
    nobody looked at it, the name.
    """

    name: str
    stratum: str
    digest: str
