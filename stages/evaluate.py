"""Scores both networks, and a baseline that sees no image, on every image of the test split.

Writes metrics/*.json, plots/confusion_*.csv, plots/per_group.csv and a table of every image.
"""

import pandas as pd

from petseg import records
from petseg.core import paths, stage_runner
from petseg.core.files import write_csv, write_json
from petseg.core.params import load_params
from petseg.evaluation import baselines, inference, original_size, scoring, tables
from petseg.sources import raw


def main() -> dict:
    params = load_params()
    records.verify(paths.RECORDS)
    spec = records.spec(paths.RECORDS)
    test, index = records.on_disk(paths.RECORDS, "test"), records.index(paths.RECORDS, "test")
    original_masks = None
    if params.evaluate.at_original_size:
        original_masks = masks_of_other_sizes(index["name"], test.image_size)
    counts, rows = {}, []
    for name in paths.NETWORKS:
        model = inference.load_trained(name, paths.model(name), spec)
        result = scoring.score_network(
            inference.runner(model), test, spec, params.evaluate.batch_size, name, original_masks
        )
        write_json(paths.metrics(name), tables.metrics(result, model.count_params(), spec))
        write_csv(paths.CONFUSION[name], tables.confusion(result.counted, spec))
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
    result = scoring.score_mask(mask, records.masks(paths.RECORDS, "test"), spec)
    write_json(paths.metrics("baseline"), tables.metrics(result, parameters=0, spec=spec))
    return {"images": test.count}


def masks_of_other_sizes(names: pd.Series, image_size: tuple[int, int]) -> list[bytes] | None:
    """The dataset's own masks, or None where all are as small as those in the records."""
    masks = raw.masks(paths.RAW_DATASET, "test", names)
    if original_size.any_differs(masks, image_size):
        return masks
    print("no scores at original size: every image in data/raw has that of the records")
    return None


if __name__ == "__main__":
    stage_runner.run(main, "evaluate")
