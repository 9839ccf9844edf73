"""The schema of a record: image, mask, name and groups, as a tf.train.Example."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Example(NamedTuple):
    """One record: image uint8 (H, W, 3), mask uint8 (H, W) of labels or VOID, name and groups.

    `groups` has a value for each group of the dataset's spec.
    """

    image: np.ndarray
    mask: np.ndarray
    name: str
    groups: tuple[str, ...] = ()


def serialize(example: Example) -> bytes:
    """Returns a serialized tf.train.Example, with image and mask as raw bytes, row by row."""
    features = {
        "image": _bytes(example.image.tobytes()),
        "mask": _bytes(example.mask.tobytes()),
        "name": _bytes(example.name.encode()),
        "groups": _bytes(*(group.encode() for group in example.groups)),
    }
    message = tf.train.Example(features=tf.train.Features(feature=features))
    return message.SerializeToString(deterministic=True)


def parse(serialized: bytes, image_size: tuple[int, int]) -> Example:
    """Returns the example from the output of `serialize`. `image_size` is (height, width)."""
    features = tf.train.Example.FromString(serialized).features.feature
    image, mask, name = (features[key].bytes_list.value[0] for key in ("image", "mask", "name"))
    return Example(
        image=np.frombuffer(image, np.uint8).reshape(*image_size, 3),
        mask=np.frombuffer(mask, np.uint8).reshape(image_size),
        name=name.decode(),
        groups=tuple(group.decode() for group in features["groups"].bytes_list.value),
    )


def _bytes(*values: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=values))
