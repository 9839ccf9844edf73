"""The common tutorial recipe: TensorFlow's image segmentation tutorial, with stock parts.

Source: https://www.tensorflow.org/tutorials/images/segmentation, its method from memory, not its
text: frozen MobileNetV2, inputs in [0, 1], pix2pix upsample blocks, Adam, batches of 64,
cross-entropy, `model.fit`, and a map over single examples that flips half of them. Labels are per
pixel as in this project, so that both recipes train on the same images. theirs.py measures it.
"""

from pathlib import Path

import keras
import tensorflow as tf

from petseg.models.encoders.mobilenet_v2 import BOTTOM_LAYER, SKIP_LAYERS
from petseg.records import Examples

BATCH_SIZE = 64
DECODER_FILTERS = (512, 256, 128, 64)


def network(
    image_size: tuple[int, int], classes: int, weights: Path, *, frozen: bool = True
) -> keras.Model:
    """Returns a model: images (B, H, W, 3) in [0, 1] -> logits (B, H, W, `classes`); float32."""
    shape = (*image_size, 3)
    base = keras.applications.MobileNetV2(shape, include_top=False, weights=None)
    base.load_weights(weights)
    outputs = [base.get_layer(name).output for name in (*SKIP_LAYERS["expansions"], BOTTOM_LAYER)]
    encoder = keras.Model(base.input, outputs)
    encoder.trainable = not frozen

    inputs = keras.Input(shape)
    *skips, x = encoder(inputs)
    for filters, skip in zip(DECODER_FILTERS, reversed(skips), strict=True):
        x = keras.layers.Concatenate()([_upsample(filters)(x), skip])
    logits = keras.layers.Conv2DTranspose(classes, 3, strides=2, padding="same")(x)
    return keras.Model(inputs, logits)


def compiled(model: keras.Model) -> keras.Model:
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def training_batches(examples: Examples) -> tf.data.Dataset:
    """Returns endless shuffled batches: images float32 in [0, 1], masks uint8 (B, S, S, 1)."""

    def flip(image, mask):
        image, mask = tf.cast(image, tf.float32) / 255, mask[..., None]
        if tf.random.uniform(()) > 0.5:
            image, mask = tf.image.flip_left_right(image), tf.image.flip_left_right(mask)
        return image, mask

    pairs = tf.data.Dataset.from_tensor_slices((examples.images, examples.masks))
    shuffled = pairs.cache().shuffle(1000).map(flip, num_parallel_calls=tf.data.AUTOTUNE)
    return shuffled.batch(BATCH_SIZE).repeat().prefetch(tf.data.AUTOTUNE)


def _upsample(filters: int) -> keras.Sequential:
    return keras.Sequential(
        [
            keras.layers.Conv2DTranspose(
                filters,
                3,
                strides=2,
                padding="same",
                kernel_initializer=keras.initializers.RandomNormal(0.0, 0.02),
                use_bias=False,
            ),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
        ]
    )
