"""Scores both networks, and a baseline that sees no image, on every photograph of the test split.

Writes metrics/*.json, plots/confusion_*.csv, plots/per_breed.csv and a table of every photograph.
"""

import pandas as pd

from petseg import cli, params, paths
from petseg.data import records
from petseg.data.source import on_disk
from petseg.evaluation import original_size, predictors, tables
from petseg.files import write_csv, write_json


def main() -> None:
    wanted = params.load()
    manifest = records.verify(paths.RECORDS)
    test, labels = on_disk(paths.RECORDS, "test"), records.labels(paths.RECORDS, "test")
    at_original_size = wanted.evaluate.at_original_size
    original_masks = masks_of_other_sizes(labels, test.image_size) if at_original_size else None
    batch_size = wanted.evaluate.batch_size
    results = {}
    for network in paths.NETWORKS:
        model = predictors.load_network(paths.model(network))
        result = predictors.score_network(model, test, batch_size, network)
        original = original_masks and original_size.score_network(
            model, test, original_masks, batch_size, f"{network} at original size"
        )
        write_json(paths.metrics(network), tables.metrics(result, model.count_params(), original))
        write_csv(paths.CONFUSION[network], tables.confusion(result.matrices.sum(axis=0)))
        results[network] = result

    matrices = {network: result.matrices for network, result in results.items()}
    resamples = wanted.evaluate.bootstrap_resamples
    write_json(paths.COMPARISON, tables.comparison(matrices, resamples, wanted.seed))
    table = pd.concat(
        [tables.per_image(network, labels, results[network], manifest) for network in results]
    )
    write_csv(paths.PER_IMAGE, table)
    write_csv(paths.PER_BREED, tables.per_breed(table))

    name, mask = predictors.better_blind_prediction(
        records.masks(paths.RECORDS, "train"), records.masks(paths.RECORDS, "validation")
    )
    print(f"baseline: {name}, the better of the blind predictions on the validation split")
    baseline = predictors.score_mask(mask, records.masks(paths.RECORDS, "test"))
    write_json(paths.metrics("baseline"), tables.metrics(baseline, parameters=0))


def masks_of_other_sizes(labels: records.Labels, image_size: int) -> list[bytes] | None:
    """The dataset's own masks, or None where all are as small as those in the records."""
    masks = original_size.masks(paths.RAW_DATASET, "test", labels.names)
    if original_size.any_differs(masks, image_size):
        return masks
    print("no scores at original size: every photograph in data/raw has that of the records")
    return None


if __name__ == "__main__":
    cli.run(main, __doc__, paths.cost("evaluate"))
