"""Scores both networks, and a baseline that sees no image, on every photograph of the test split.

Writes metrics/*.json, plots/confusion_*.csv, plots/per_breed.csv and a table of every photograph.
"""

import pandas as pd

from petseg import cli, params, paths
from petseg.data import records
from petseg.evaluation import predictors, tables
from petseg.files import write_csv, write_json


def main() -> None:
    wanted = params.load()
    manifest = records.verify(paths.RECORDS)
    test = records.load(paths.RECORDS, "test")
    results = {}
    for network in paths.NETWORKS:
        model = predictors.load_network(paths.model(network))
        result = predictors.score_network(model, test, wanted.evaluate.batch_size, network)
        write_json(paths.metrics(network), tables.metrics(result, model.count_params()))
        write_csv(paths.CONFUSION[network], tables.confusion(result.matrices.sum(axis=0)))
        results[network] = result

    matrices = {network: result.matrices for network, result in results.items()}
    resamples = wanted.evaluate.bootstrap_resamples
    write_json(paths.COMPARISON, tables.comparison(matrices, resamples, wanted.seed))
    table = pd.concat(
        [tables.per_image(network, test, results[network], manifest) for network in results]
    )
    write_csv(paths.PER_IMAGE, table)
    write_csv(paths.PER_BREED, tables.per_breed(table))

    name, mask = predictors.better_blind_prediction(
        records.load(paths.RECORDS, "train").masks, records.load(paths.RECORDS, "validation").masks
    )
    print(f"baseline: {name}, the better of the blind predictions on the validation split")
    baseline = predictors.score_mask(mask, test.masks)
    write_json(paths.metrics("baseline"), tables.metrics(baseline, parameters=0))


if __name__ == "__main__":
    cli.run(main, __doc__, paths.cost("evaluate"))
