"""Draws the figures in plots/ from the tables, the records and the trained networks."""

import numpy as np
import pandas as pd

from petseg import records
from petseg.core import paths, stage_runner
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.files import atomic_folder, read_json
from petseg.core.params import load_params
from petseg.evaluation import inference, tables
from petseg.figures import calibration, comparison, confusion, curves, groups, pictures
from petseg.records import augmentation

TEXTS = dict.fromkeys(("name", "truth", "prediction", "column", "group"), str)
"""Table columns whose values may be NA, or look like numbers."""


def main() -> dict:
    params = load_params()
    records.verify(paths.RECORDS)
    spec = records.spec(paths.RECORDS)
    rng = np.random.default_rng(params.seed)
    draw_tables(spec)

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
    pictures.samples(images, masks, augmented, index["name"][chosen], spec, paths.SAMPLES_FIGURE)

    test, index = records.on_disk(paths.RECORDS, "test"), records.index(paths.RECORDS, "test")
    scored = tables.mean_ious(pd.read_csv(paths.PER_IMAGE, converters=TEXTS), index["name"])
    runners = {
        name: inference.runner(inference.load_trained(name, paths.model(name), spec))
        for name in paths.NETWORKS
    }
    some = scored.loc[some_of(test, params.visualize.predictions, rng)]
    worst = scored.nsmallest(params.visualize.hardest, paths.NETWORKS[0])
    for rows, path, title in (
        (some, paths.PREDICTIONS_FIGURE, "Images of the test split"),
        (worst, paths.HARDEST_FIGURE, "The test images with the lowest mean IoU"),
    ):
        images, masks = test.fetch(rows.index.to_numpy())
        predicted = {name: run(images).argmax(axis=-1) for name, run in runners.items()}
        ious = {name: rows[name].to_numpy() for name in runners}
        names = list(rows["name"])
        pictures.predictions(images, masks, predicted, ious, names, spec, path, title)
    return {"images": test.count}


def some_of(source: records.Source, count: int, rng: np.random.Generator) -> np.ndarray:
    return rng.choice(source.count, min(count, source.count), replace=False)


def draw_tables(spec: DatasetSpec) -> None:
    learning = {name: pd.read_csv(paths.learning_curve(name)) for name in paths.NETWORKS}
    curves.learning_curves(learning, paths.LEARNING_CURVES_FIGURE)
    bins = {name: pd.read_csv(path) for name, path in paths.CALIBRATION.items()}
    counts = {name: pd.read_csv(paths.CONFUSION[name], converters=TEXTS) for name in paths.NETWORKS}
    matrices = {name: tables.confusion_matrix(table) for name, table in counts.items()}
    confusion.confusion_matrices(matrices, spec.class_names, paths.CONFUSION_FIGURE)
    intervals = pd.DataFrame.from_dict(read_json(paths.COMPARISON), orient="index")
    by_group = pd.read_csv(paths.PER_GROUP, converters=TEXTS)
    with atomic_folder(paths.SCORES_FIGURES) as folder:
        comparison.intervals(intervals, folder / paths.COMPARISON_FIGURE.name)
        calibration.reliability(bins, folder / paths.CALIBRATION_FIGURE.name)
        if len(by_group):
            groups.per_group(by_group, folder / paths.PER_GROUP_FIGURE.name)


if __name__ == "__main__":
    stage_runner.run(main, "visualize")
