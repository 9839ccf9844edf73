"""Images per second of our evaluation: all scores of all images, also on published-size masks.

The masks have the most common size of the Oxford-IIIT Pet dataset.
"""

import argparse
import io

from PIL import Image

from benchmarks import measure, pets

PUBLISHED = (500, 375)
"""Width and height of a mask in the dataset."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    measure.add_images_option(parser)
    options = parser.parse_args()
    from petseg import records
    from petseg.core.params import load_params
    from petseg.evaluation import inference, scoring
    from petseg.models import unet

    params, folder = load_params(), pets.as_records(options.images)
    test = records.on_disk(folder, "test")
    model = unet.build(pets.SIZE, pets.CLASSES, params.train_unet, pets.encoder_weights())
    run = inference.runner(model)
    masks = [encoded(mask) for mask in records.masks(folder, "test")]

    def score():
        scoring.score_network(run, test, masks, pets.SPEC, params.evaluate.batch_size, "ours")

    measure.report(options.images / measure.second_run(score))


def encoded(labels) -> bytes:
    """Returns a mask as PNG, in the size and with the values of one in the dataset."""
    stream = io.BytesIO()
    mask = Image.fromarray(labels + 1).resize(PUBLISHED, Image.Resampling.NEAREST)
    mask.save(stream, "PNG")
    return stream.getvalue()


if __name__ == "__main__":
    main()
