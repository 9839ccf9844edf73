"""Images per second of our evaluation, with every score of every image."""

import argparse

from benchmarks import measure, pets


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    measure.add_images_option(parser)
    options = parser.parse_args()
    from petseg import records
    from petseg.core.params import load_params
    from petseg.evaluation import inference, scoring
    from petseg.models import unet

    params, test = load_params(), records.on_disk(pets.as_records(options.images), "test")
    model = unet.build(pets.SIZE, pets.CLASSES, params.train_unet, pets.encoder_weights())
    run = inference.runner(model)

    def score():
        scoring.score_network(run, test, pets.SPEC, params.evaluate.batch_size, "ours")

    measure.report(options.images / measure.second_run(score))


if __name__ == "__main__":
    main()
