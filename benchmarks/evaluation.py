"""Photographs per second in evaluation, against `model.predict` with stock layers."""

import argparse
import time

import numpy as np

from benchmarks import measure, pets

PHOTOGRAPHS = 640


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", choices=("predict", "ours"))
    recipe = parser.parse_args().recipe

    import keras

    from benchmarks import tutorial
    from petseg import params
    from petseg.data import records
    from petseg.data.source import on_disk
    from petseg.evaluation import predictors

    folder = pets.as_records(PHOTOGRAPHS)
    if recipe == "predict":
        examples = records.load(folder, "test")
        model = tutorial.network(pets.SIDE, pets.encoder_weights())

        def score():
            logits = model.predict(examples.images / np.float32(255), batch_size=64, verbose=0)
            keras.metrics.MeanIoU(3, sparse_y_pred=False)(examples.masks, logits)
    else:
        from stages import train_unet

        wanted, test = params.load(), on_disk(folder, "test")
        model = train_unet.network(wanted.image_size, wanted.train_unet, pets.encoder_weights())

        def score():
            predictors.score_network(model, test, wanted.evaluate.batch_size, "ours")

    score()  # the graph
    start = time.perf_counter()
    score()
    measure.report(PHOTOGRAPHS / (time.perf_counter() - start))


if __name__ == "__main__":
    main()
