"""The upsample block of pix2pix.

Source: tensorflow_examples/models/pix2pix/pix2pix.py, `upsample`, after Isola et al.,
arXiv:1611.07004.
"""

import keras

from petseg.core.errors import PetsegError


def upsample(
    filters: int, size: int, *, dropout: float = 0.0, name: str | None = None
) -> keras.Sequential:
    """Builds transposed convolution, batch normalization, `dropout` unless 0, and ReLU.

    (B, H, W, C) -> (B, 2H, 2W, filters).
    """
    layers = [
        keras.layers.Conv2DTranspose(
            filters,
            size,
            strides=2,
            padding="same",
            kernel_initializer=keras.initializers.RandomNormal(0.0, 0.02),
            use_bias=False,
            name="convolution",
        ),
        keras.layers.BatchNormalization(name="normalization"),
    ]
    if dropout:
        layers.append(keras.layers.Dropout(dropout, name="dropout"))
    layers.append(keras.layers.ReLU(name="relu"))
    return keras.Sequential(layers, name=name)


def tensorflow_examples_upsample(
    filters: int, size: int, *, dropout: float = 0.0, name: str | None = None
) -> keras.Sequential:
    """Builds the same block with tensorflow-examples.

    Raises PetsegError if it is not installed, or for a dropout rate other than 0 and 0.5.
    """
    if dropout not in (0.0, 0.5):
        raise PetsegError(
            f"decoder_block: tensorflow_examples has dropout 0 or 0.5, not {dropout}; "
            "use decoder_block: builtin"
        )
    try:
        from tensorflow_examples.models.pix2pix import pix2pix
    except ImportError:
        raise PetsegError(
            "decoder_block: tensorflow_examples needs a package that is not on PyPI; install it:\n"
            "  pip install git+https://github.com/tensorflow/examples.git\n"
            "or use decoder_block: builtin, which is the same block"
        ) from None
    block = pix2pix.upsample(filters, size, apply_dropout=bool(dropout))
    block.name = name or block.name
    return block


BLOCKS = {"builtin": upsample, "tensorflow_examples": tensorflow_examples_upsample}
"""The decoder blocks by their names in params.yaml."""
