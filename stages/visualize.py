"""Draws the figures in plots/ from the tables, the records and the trained networks."""

from pathlib import Path

import numpy as np
import pandas as pd

from petseg import records
from petseg.core import paths, stage_runner
from petseg.core.files import read_json
from petseg.core.params import load_params
from petseg.evaluation import inference, tables
from petseg.figures import breeds, comparison, confusion, curves, pictures
from petseg.records import augmentation


def main() -> dict:
    params = load_params()
    rng = np.random.default_rng(params.seed)
    draw_tables()

    training, index = records.on_disk(paths.RECORDS, "train"), records.index(paths.RECORDS, "train")
    chosen = some_of(training, params.visualize.samples, rng)
    images, masks = training.fetch(chosen)
    draws = [
        augmentation.draw(params.visualize.augmentations, params.seed, int(number))
        for number in chosen
    ]
    augmented = [
        augmentation.versions(*example, params.train_unet.augmentation)
        for example in zip(images, masks, draws, strict=True)
    ]
    names = index["name"].to_numpy()[chosen]
    pictures.samples(images, masks, augmented, names, paths.SAMPLES_FIGURE)

    test, index = records.on_disk(paths.RECORDS, "test"), records.index(paths.RECORDS, "test")
    scored = pd.read_csv(paths.PER_IMAGE).pivot(index="name", columns="network", values="mean_iou")
    scored = scored.loc[index["name"]].reset_index(names="name")
    runners = {
        name: inference.runner(inference.load_network(paths.model(name))) for name in paths.NETWORKS
    }
    chosen = scored.loc[some_of(test, params.visualize.predictions, rng)]
    title = "Images of the test split"
    draw_predictions(runners, test, chosen, paths.PREDICTIONS_FIGURE, title)
    hardest = scored.nsmallest(params.visualize.hardest, paths.NETWORKS[0])
    title = "The test images with the lowest mean IoU"
    draw_predictions(runners, test, hardest, paths.HARDEST_FIGURE, title)
    return {"images": test.count}


def some_of(source: records.Source, count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(source.count, min(count, source.count), replace=False)


def draw_tables() -> None:
    learning = {name: pd.read_csv(paths.learning_curve(name)) for name in paths.NETWORKS}
    counts = {name: pd.read_csv(paths.CONFUSION[name]) for name in paths.NETWORKS}
    matrices = {name: tables.confusion_matrix(table) for name, table in counts.items()}
    intervals = pd.DataFrame.from_dict(read_json(paths.COMPARISON), orient="index")
    curves.learning_curves(learning, paths.LEARNING_CURVES_FIGURE)
    confusion.confusion_matrices(matrices, paths.CONFUSION_FIGURE)
    breeds.per_breed(pd.read_csv(paths.PER_BREED), paths.PER_BREED_FIGURE)
    comparison.intervals(intervals, paths.COMPARISON_FIGURE)


def draw_predictions(
    runners: dict, test: records.Source, scored: pd.DataFrame, path: Path, title: str
) -> None:
    images, masks = test.fetch(scored.index.to_numpy())
    predicted = {name: run(images).argmax(axis=-1) for name, run in runners.items()}
    ious = {name: scored[name].to_numpy() for name in runners}
    pictures.predictions(images, masks, predicted, ious, list(scored["name"]), path, title)


if __name__ == "__main__":
    stage_runner.run(main, "visualize")
