"""Photographs per second of our evaluation, with every score of every photograph."""

import argparse

from benchmarks import measure, pets


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    from petseg import params
    from petseg.data.source import on_disk
    from petseg.evaluation import predictors
    from stages import train_unet

    wanted, test = params.load(), on_disk(pets.as_records(pets.PHOTOGRAPHS), "test")
    model = train_unet.network(wanted.image_size, wanted.train_unet, pets.encoder_weights())

    def score():
        predictors.score_network(model, test, wanted.evaluate.batch_size, "ours")

    measure.report(pets.PHOTOGRAPHS / measure.second_run(score))


if __name__ == "__main__":
    main()
