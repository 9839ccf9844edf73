"""What a record holds: an image, its mask, and what they show, as a tf.train.Example."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf


class Example(NamedTuple):
    """One record: image uint8 (S, S, 3), mask uint8 (S, S) of labels 0 to 2, name and groups."""

    image: np.ndarray
    mask: np.ndarray
    name: str
    breed: int
    species: int


def serialize(example: Example) -> bytes:
    """An example as a serialized tf.train.Example; image and mask as raw bytes, row by row."""
    features = {
        "image": _bytes(example.image.tobytes()),
        "mask": _bytes(example.mask.tobytes()),
        "name": _bytes(example.name.encode()),
        "breed": _integer(example.breed),
        "species": _integer(example.species),
    }
    message = tf.train.Example(features=tf.train.Features(feature=features))
    return message.SerializeToString(deterministic=True)


def parse(serialized: bytes, image_size: int) -> Example:
    """The example in a serialized tf.train.Example that `serialize` made."""
    features = tf.train.Example.FromString(serialized).features.feature
    image, mask, name = (features[key].bytes_list.value[0] for key in ("image", "mask", "name"))
    breed, species = (features[key].int64_list.value[0] for key in ("breed", "species"))
    return Example(
        image=np.frombuffer(image, np.uint8).reshape(image_size, image_size, 3),
        mask=np.frombuffer(mask, np.uint8).reshape(image_size, image_size),
        name=name.decode(),
        breed=breed,
        species=species,
    )


def _bytes(value: bytes) -> tf.train.Feature:
    return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))


def _integer(value: int) -> tf.train.Feature:
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
