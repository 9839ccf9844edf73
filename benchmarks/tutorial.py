"""The recipe that everybody copies: TensorFlow's image segmentation tutorial, with stock parts.

Source: https://www.tensorflow.org/tutorials/images/segmentation, from memory of its method and
not of its words: frozen MobileNetV2, inputs in [0, 1], pix2pix upsample blocks, Adam, batches of
64, cross-entropy, `model.fit`, and a map over single examples that flips half of them. Labels are
pixels as in this project, so that both recipes train on the same pictures.

Run as a script, it measures this recipe. TensorFlow is then imported before this project, which
would change how it computes: the recipe gets TensorFlow as it comes.
"""

import argparse
import json
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from benchmarks import measure, pets
from petseg import paths
from petseg.classes import NUM_CLASSES
from petseg.data import records
from petseg.data.records import Examples
from petseg.evaluation import scores
from petseg.evaluation.confusion import confusion_matrices
from petseg.models import mobilenet_v2
from petseg.models.mobilenet_unet import BOTTOM_LAYER, SKIP_LAYERS

BATCH_SIZE = 64
EPOCHS = 20
DECODER_FILTERS = (512, 256, 128, 64)


def network(image_size: int, weights: Path, *, frozen: bool = True) -> keras.Model:
    """Photographs (B, S, S, 3) in [0, 1] -> logits (B, S, S, 3); stock layers, float32."""
    shape = (image_size, image_size, 3)
    base = keras.applications.MobileNetV2(shape, include_top=False, weights=None)
    base.load_weights(weights)
    outputs = [base.get_layer(name).output for name in (*SKIP_LAYERS["expansions"], BOTTOM_LAYER)]
    encoder = keras.Model(base.input, outputs)
    encoder.trainable = not frozen

    inputs = keras.Input(shape)
    *skips, x = encoder(inputs)
    for filters, skip in zip(DECODER_FILTERS, reversed(skips), strict=True):
        x = keras.layers.Concatenate()([_upsample(filters)(x), skip])
    logits = keras.layers.Conv2DTranspose(NUM_CLASSES, 3, strides=2, padding="same")(x)
    return keras.Model(inputs, logits)


def compiled(model: keras.Model) -> keras.Model:
    """The network, ready for `fit`."""
    model.compile(
        optimizer="adam",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return model


def training_batches(examples: Examples) -> tf.data.Dataset:
    """Endless shuffled batches: images float32 in [0, 1], masks uint8 (B, S, S, 1)."""

    def flip(image, mask):
        image, mask = tf.cast(image, tf.float32) / 255, mask[..., None]
        if tf.random.uniform(()) > 0.5:
            image, mask = tf.image.flip_left_right(image), tf.image.flip_left_right(mask)
        return image, mask

    pictures = tf.data.Dataset.from_tensor_slices((examples.images, examples.masks))
    shuffled = pictures.cache().shuffle(1000).map(flip, num_parallel_calls=tf.data.AUTOTUNE)
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


def measure_training(*, frozen: bool) -> None:
    """Trains for two epochs on generated pets and reports the second one's images per second."""

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds = time.perf_counter() - self.start

    examples = records.load(pets.as_records(pets.PHOTOGRAPHS), "train")
    model = compiled(network(pets.SIDE, pets.encoder_weights(), frozen=frozen))
    steps, clock = pets.PHOTOGRAPHS // BATCH_SIZE, Clock()
    batches = training_batches(examples)
    model.fit(batches, epochs=2, steps_per_epoch=steps, callbacks=[clock], verbose=0)
    measure.report(steps * BATCH_SIZE / clock.seconds)


def measure_evaluation() -> None:
    """Predicts generated pets, scores them by Keras's metric, and reports images per second."""
    examples = records.load(pets.as_records(pets.PHOTOGRAPHS), "test")
    model = network(pets.SIDE, pets.encoder_weights())

    def score():
        logits = model.predict(examples.images / np.float32(255), batch_size=64, verbose=0)
        keras.metrics.MeanIoU(3, sparse_y_pred=False)(examples.masks, logits)

    measure.report(pets.PHOTOGRAPHS / measure.second_run(score))


def train_on_records(epochs: int) -> dict:
    """Trains on the real training split: seconds, and the mean IoU on the validation split."""
    keras.utils.set_random_seed(1)
    examples = records.load(paths.RECORDS, "train")
    weights = mobilenet_v2.stored_weights(paths.ENCODER)
    model = compiled(network(examples.images.shape[1], weights))
    steps, start = len(examples.images) // BATCH_SIZE, time.perf_counter()
    model.fit(training_batches(examples), epochs=epochs, steps_per_epoch=steps, verbose=2)
    seconds = time.perf_counter() - start

    held_out = records.load(paths.RECORDS, "validation")
    logits = model.predict(held_out.images / np.float32(255), batch_size=64, verbose=0)
    counts = confusion_matrices(held_out.masks, logits.argmax(axis=-1)).numpy().sum(axis=0)
    return {
        "epochs": epochs,
        "seconds": seconds,
        "val_mean_iou": float(scores.mean_iou(counts)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("what", choices=("training", "evaluation", "on_records"))
    parser.add_argument("--frozen", action="store_true", help="the encoder does not train")
    parser.add_argument("--epochs", type=int, default=EPOCHS, help="on_records; default: 20")
    wanted = parser.parse_args()
    if wanted.what == "training":
        measure_training(frozen=wanted.frozen)
    elif wanted.what == "evaluation":
        measure_evaluation()
    else:
        print(json.dumps(train_on_records(wanted.epochs)))


if __name__ == "__main__":
    main()
