"""Measures the common tutorial recipe, in tutorial.py.

Imports TensorFlow before this project, which would change its settings: the recipe runs with
TensorFlow's defaults.
"""

import argparse
import json
import time

from benchmarks import measure

EPOCHS = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("training", "evaluation", "on_records"))
    parser.add_argument("--frozen", action="store_true", help="the encoder does not train")
    measure.add_images_option(parser)
    parser.add_argument(
        "--epochs", type=int, default=EPOCHS, metavar="N", help="on_records; default: %(default)s"
    )
    options = parser.parse_args()
    import tensorflow  # noqa: F401  (before this project)

    if options.what == "training":
        measure_training(options.images, frozen=options.frozen)
    elif options.what == "evaluation":
        measure_evaluation(options.images)
    else:
        print(json.dumps(train_on_records(options.epochs)))


def measure_training(images: int, *, frozen: bool) -> None:
    """Trains for two epochs on generated pets and reports images per second of the second one."""
    import keras

    from benchmarks import pets, tutorial
    from petseg import records

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds = time.perf_counter() - self.start

    examples = records.load(pets.as_records(images), "train")
    network = tutorial.network(pets.SIZE, pets.CLASSES, pets.encoder_weights(), frozen=frozen)
    steps, clock = images // tutorial.BATCH_SIZE, Clock()
    tutorial.compiled(network).fit(
        tutorial.training_batches(examples),
        epochs=2,
        steps_per_epoch=steps,
        callbacks=[clock],
        verbose=0,
    )
    measure.report(steps * tutorial.BATCH_SIZE / clock.seconds)


def measure_evaluation(images: int) -> None:
    """Predicts generated pets, scores them with Keras's metric, and reports images per second."""
    import keras
    import numpy as np

    from benchmarks import pets, tutorial
    from petseg import records

    examples = records.load(pets.as_records(images), "test")
    model = tutorial.network(pets.SIZE, pets.CLASSES, pets.encoder_weights())

    def score():
        logits = model.predict(examples.images / np.float32(255), batch_size=64, verbose=0)
        keras.metrics.MeanIoU(pets.CLASSES, sparse_y_pred=False)(examples.masks, logits)

    measure.report(images / measure.second_run(score))


def train_on_records(epochs: int) -> dict:
    """Trains on the real training split; returns seconds, and mean IoU on the validation split."""
    import keras
    import numpy as np

    from benchmarks import tutorial
    from petseg import records
    from petseg.core import paths
    from petseg.metrics import scores
    from petseg.metrics.confusion import confusion_matrices
    from petseg.models.encoders import storage

    keras.utils.set_random_seed(1)
    examples = records.load(paths.RECORDS, "train")
    weights = storage.stored_encoder(paths.ENCODER)
    size, classes = records.image_size(paths.RECORDS), len(records.spec(paths.RECORDS).classes)
    model = tutorial.compiled(tutorial.network(size, classes, weights))
    batches = tutorial.training_batches(examples)
    steps, start = len(examples.images) // tutorial.BATCH_SIZE, time.perf_counter()
    model.fit(batches, epochs=epochs, steps_per_epoch=steps, verbose=2)
    seconds = time.perf_counter() - start

    held_out = records.load(paths.RECORDS, "validation")
    logits = model.predict(held_out.images / np.float32(255), batch_size=64, verbose=0)
    counts = confusion_matrices(held_out.masks, logits.argmax(axis=-1), classes).sum(axis=0)
    return {
        "epochs": epochs,
        "seconds": seconds,
        "val_mean_iou": float(scores.mean_iou(scores.counts(counts))),
    }


if __name__ == "__main__":
    main()
