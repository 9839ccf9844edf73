"""Draws the figures in plots/ from the tables, the records and the trained networks."""

import numpy as np
import pandas as pd

from petseg import augment, cli, params, paths
from petseg.data import records
from petseg.evaluation import predictors, tables
from petseg.figures import breeds, confusion, curves, pictures


def main() -> None:
    wanted = params.load()
    rng = np.random.default_rng(wanted.seed)
    draw_tables()
    draw_samples(wanted, rng)

    test = records.load(paths.RECORDS, "test")
    chosen = rng.choice(len(test.names), min(wanted.visualize.predictions, len(test.names)), False)
    draw_predictions(test, chosen, paths.PREDICTIONS_FIGURE, "Photographs of the test split")
    table = pd.read_csv(paths.PER_IMAGE)
    first = table[table["network"] == paths.NETWORKS[0]].reset_index()
    hardest = first["mean_iou"].nsmallest(wanted.visualize.hardest).index.to_numpy()
    title = "The test photographs with the lowest mean IoU"
    draw_predictions(test, hardest, paths.HARDEST_FIGURE, title)


def draw_tables() -> None:
    networks = paths.NETWORKS
    curves.learning_curves(
        {name: pd.read_csv(paths.learning_curve(name)) for name in networks},
        paths.LEARNING_CURVES_FIGURE,
    )
    confusion.confusion_matrices(
        {name: tables.confusion_matrix(pd.read_csv(paths.CONFUSION[name])) for name in networks},
        paths.CONFUSION_FIGURE,
    )
    breeds.per_breed(pd.read_csv(paths.PER_BREED), paths.PER_BREED_FIGURE)


def draw_samples(wanted: params.Params, rng: np.random.Generator) -> None:
    training = records.load(paths.RECORDS, "train")
    count, versions = wanted.visualize.samples, wanted.visualize.augmentations
    chosen = rng.choice(len(training.names), min(count, len(training.names)), replace=False)
    augmented = []
    for index in chosen:
        draws = augment.draw(versions, wanted.seed, int(index))
        images = np.repeat(training.images[None, index], versions, axis=0)
        masks = np.repeat(training.masks[None, index], versions, axis=0)
        settings = wanted.train_unet.augmentation
        images, masks = augment.augment(images, masks, draws, settings)
        augmented.append((images.numpy().astype(np.uint8), masks.numpy()))
    pictures.samples(
        training.images[chosen],
        training.masks[chosen],
        augmented,
        training.names[chosen],
        paths.SAMPLES_FIGURE,
    )


def draw_predictions(test: records.Examples, chosen: np.ndarray, path, title: str) -> None:
    table = pd.read_csv(paths.PER_IMAGE)
    predicted, ious = {}, {}
    for network in paths.NETWORKS:
        model = predictors.load_network(paths.model(network))
        predicted[network] = predictors.predict(model, test.images[chosen])
        rows = table[table["network"] == network].reset_index()
        ious[network] = rows["mean_iou"].to_numpy()[chosen]
    pictures.predictions(
        test.images[chosen], test.masks[chosen], predicted, ious, test.names[chosen], path, title
    )


if __name__ == "__main__":
    cli.run(main, __doc__)
