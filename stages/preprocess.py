"""Checks all images and masks, resizes them and writes TFRecords to data/records.

Splits that the dataset lacks are drawn from its training split, by seed and name. A page in
data/dataset_report and tables in plots/dataset describe the dataset.
"""

from collections import Counter

from petseg.core import stage_runner
from petseg.core.files import atomic_folder
from petseg.core.params import load_params
from petseg.core.paths import DATASET_REPORT, DATASET_TABLES, RAW_DATASET, RECORDS
from petseg.sources import dataset_report
from petseg.sources.preparation import absent_classes, not_left_out, records_bytes, write_records

REPORT = DATASET_REPORT / dataset_report.PAGE


def main() -> dict:
    params = load_params()
    needs = records_bytes(RAW_DATASET, params.image_size)
    with atomic_folder(RECORDS, needs) as folder:
        outcome = write_records(
            RAW_DATASET,
            folder,
            image_size=params.image_size,
            seed=params.seed,
            **dict(params.preprocess),
        )
    found = dataset_report.write(outcome, DATASET_REPORT, DATASET_TABLES)
    manifest = outcome.manifest
    for split, entry in manifest["splits"].items():
        print(f"{split}: {entry['examples']} images")
    for sentence in absent_classes(manifest) + not_left_out(RAW_DATASET, manifest):
        print(f"warning: {sentence}")
    for entry in manifest["left_out"]:
        print(f"left out of {entry['split']}: {entry['name']}, {entry['reason']}")
    if across := dataset_report.across_splits(found[dataset_report.DUPLICATES]).sum():
        print(f"warning: {across} pairs of images in two splits look alike; {REPORT} lists them")
    for kind, count in Counter(entry["from"] for entry in manifest["converted"]).items():
        print(f"converted: {count} images, {kind}; data/records/manifest.json names them")
    return {"examples": {name: entry["examples"] for name, entry in manifest["splits"].items()}}


if __name__ == "__main__":
    stage_runner.run(main, "preprocess")
