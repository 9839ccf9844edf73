"""Draws the figures in plots/ from the tables, the records and the trained networks."""

from pathlib import Path

import numpy as np
import pandas as pd

from petseg import augment, cli, params, paths
from petseg.data import records
from petseg.data.source import Source, on_disk
from petseg.evaluation import predictors, tables
from petseg.figures import breeds, comparison, confusion, curves, pictures
from petseg.files import read_json


def main() -> None:
    wanted = params.load()
    rng = np.random.default_rng(wanted.seed)
    draw_tables()

    training = on_disk(paths.RECORDS, "train")
    chosen = some_of(training, wanted.visualize.samples, rng)
    photographs, masks = training.fetch(chosen)
    augmented = [
        augment.versions(
            photograph,
            mask,
            augment.draw(wanted.visualize.augmentations, wanted.seed, int(index)),
            wanted.train_unet.augmentation,
        )
        for photograph, mask, index in zip(photographs, masks, chosen, strict=True)
    ]
    names = records.labels(paths.RECORDS, "train").names[chosen]
    pictures.samples(photographs, masks, augmented, names, paths.SAMPLES_FIGURE)

    test, names = on_disk(paths.RECORDS, "test"), records.labels(paths.RECORDS, "test").names
    scored = pd.read_csv(paths.PER_IMAGE).pivot(index="name", columns="network", values="mean_iou")
    scored = scored.loc[names].reset_index(names="name")
    models = {name: predictors.load_network(paths.model(name)) for name in paths.NETWORKS}
    chosen = scored.loc[some_of(test, wanted.visualize.predictions, rng)]
    title = "Photographs of the test split"
    draw_predictions(models, test, chosen, paths.PREDICTIONS_FIGURE, title)
    hardest = scored.nsmallest(wanted.visualize.hardest, paths.NETWORKS[0])
    title = "The test photographs with the lowest mean IoU"
    draw_predictions(models, test, hardest, paths.HARDEST_FIGURE, title)


def some_of(source: Source, count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(source.count, min(count, source.count), replace=False)


def draw_tables() -> None:
    networks = paths.NETWORKS
    learning = {name: pd.read_csv(paths.learning_curve(name)) for name in networks}
    counts = {name: pd.read_csv(paths.CONFUSION[name]) for name in networks}
    matrices = {name: tables.confusion_matrix(table) for name, table in counts.items()}
    intervals = pd.DataFrame.from_dict(read_json(paths.COMPARISON), orient="index")
    curves.learning_curves(learning, paths.LEARNING_CURVES_FIGURE)
    confusion.confusion_matrices(matrices, paths.CONFUSION_FIGURE)
    breeds.per_breed(pd.read_csv(paths.PER_BREED), paths.PER_BREED_FIGURE)
    comparison.intervals(intervals, paths.COMPARISON_FIGURE)


def draw_predictions(
    models: dict, test: Source, scored: pd.DataFrame, path: Path, title: str
) -> None:
    chosen = scored.index.to_numpy()
    images, masks = test.fetch(chosen)
    predicted = {name: predictors.predict(model, images) for name, model in models.items()}
    ious = {name: scored[name].to_numpy() for name in models}
    pictures.predictions(images, masks, predicted, ious, list(scored["name"]), path, title)


if __name__ == "__main__":
    cli.run(main, __doc__, paths.cost("visualize"))
