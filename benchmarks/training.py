"""Images per second in training: the tutorial's recipe against ours, on generated pets.

Measures the second epoch, as the first one builds the graph.
"""

import argparse
import dataclasses
import tempfile
import time
from functools import partial
from pathlib import Path

from benchmarks import measure, pets

PHOTOGRAPHS = 640


def measure_tutorial(*, frozen: bool) -> None:
    """Trains the tutorial's network for two epochs and reports the second one's rate."""
    import keras

    from benchmarks import tutorial
    from petseg.data import records

    class Clock(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            self.start = time.perf_counter()

        def on_epoch_end(self, epoch, logs=None):
            self.seconds = time.perf_counter() - self.start

    examples = records.load(pets.as_records(PHOTOGRAPHS), "train")
    model = tutorial.compiled(tutorial.network(pets.SIDE, pets.encoder_weights(), frozen=frozen))
    steps, clock = PHOTOGRAPHS // tutorial.BATCH_SIZE, Clock()
    batches = tutorial.training_batches(examples)
    model.fit(batches, epochs=2, steps_per_epoch=steps, callbacks=[clock], verbose=0)
    measure.report(steps * tutorial.BATCH_SIZE / clock.seconds)


def measure_ours(*, frozen: bool, precision: str) -> None:
    """Trains our U-Net for two epochs, as params.yaml has it, and reports the second one's rate."""
    from petseg import params
    from petseg.training import loop
    from stages import train_unet

    wanted = params.load()
    settings = dataclasses.replace(
        wanted.train_unet,
        epochs=2,
        precision=precision,
        fine_tune_from="frozen" if frozen else wanted.train_unet.fine_tune_from,
        fine_tune_after=0,
    )
    network = partial(train_unet.network, wanted.image_size, settings, pets.encoder_weights())
    with tempfile.TemporaryDirectory() as folder:
        cost = loop.train(
            "unet",
            network,
            settings,
            groups=train_unet.groups(settings),
            machine=wanted.machine,
            seed=wanted.seed,
            records_folder=pets.as_records(PHOTOGRAPHS),
            model_path=Path(folder) / "unet.keras",
            curve_path=Path(folder) / "curve.csv",
            checkpoint_folder=Path(folder),
        )
    measure.report(cost["epochs"][-1]["images_per_second"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=("tutorial", "ours"))
    parser.add_argument("--frozen", action="store_true", help="the encoder does not train")
    parser.add_argument("--precision", default="auto", help="of our recipe (default: auto)")
    wanted = parser.parse_args()
    if wanted.recipe == "tutorial":
        measure_tutorial(frozen=wanted.frozen)
    else:
        measure_ours(frozen=wanted.frozen, precision=wanted.precision)


if __name__ == "__main__":
    main()
