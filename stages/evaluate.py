"""Scores both networks, and a constant baseline, on every image of the test split.

Writes metrics/*.json, plots/confusion_*.csv, plots/calibration_*.csv, plots/per_group.csv and a
table of all images.
"""

import pandas as pd

from petseg import records
from petseg.core import paths, stage_runner
from petseg.core.files import write_csv, write_json
from petseg.core.params import load_params
from petseg.evaluation import baselines, inference, scoring, subsets, tables
from petseg.sources import raw


def main() -> dict:
    params = load_params()
    records.verify(paths.RECORDS)
    spec = records.spec(paths.RECORDS)
    test, index = records.on_disk(paths.RECORDS, "test"), records.index(paths.RECORDS, "test")
    validation = records.on_disk(paths.RECORDS, "validation")
    original_masks = raw.masks(paths.RAW_DATASET, "test", index["name"])
    parts = subsets.read_subsets(params.evaluate.subsets, index["name"])
    counts, rows = {}, []
    for name in paths.NETWORKS:
        model = inference.load_trained(name, paths.model(name), spec)
        run, batch = inference.runner(model), params.evaluate.batch_size
        temperature = scoring.fitted_temperature(run, validation, batch, name)
        result = scoring.score_network(run, test, original_masks, spec, batch, name, temperature)
        write_csv(paths.CALIBRATION[name], tables.reliability(result))
        write_json(paths.metrics(name), tables.metrics(result, model.count_params(), spec, parts))
        write_csv(paths.CONFUSION[name], tables.confusion(result.original, spec))
        rows.append(tables.per_image(name, index, result, spec))
        counts[name] = tables.counts(rows[-1])
    write_csv(paths.PER_IMAGE, pd.concat(rows))
    write_csv(paths.PER_GROUP, tables.per_group(pd.concat(rows)))
    resamples = params.evaluate.bootstrap_resamples
    write_json(paths.COMPARISON, tables.comparison(counts, resamples, params.seed))

    baseline, mask = baselines.best_baseline(
        records.masks(paths.RECORDS, "train"),
        records.masks(paths.RECORDS, "validation"),
        len(spec.classes),
    )
    print(f"baseline: {baseline}, the better constant prediction on the validation split")
    masks = records.masks(paths.RECORDS, "test")
    result = scoring.score_mask(mask, masks, original_masks, spec, "baseline")
    write_json(paths.metrics("baseline"), tables.metrics(result, 0, spec, parts))
    return {"images": test.count}


if __name__ == "__main__":
    stage_runner.run(main, "evaluate")
