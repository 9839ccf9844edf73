"""Checks every image and mask and writes them, resized, as TFRecords to data/records.

Draws the splits that the dataset does not bring from its training split, by seed and name.
"""

from collections import Counter

from petseg.core import stage_runner
from petseg.core.files import atomic_folder
from petseg.core.params import load_params
from petseg.core.paths import RAW_DATASET, RECORDS
from petseg.sources.preparation import absent_classes, not_left_out, records_bytes, write_records


def main() -> dict:
    params = load_params()
    needs = records_bytes(RAW_DATASET, params.image_size)
    with atomic_folder(RECORDS, needs) as folder:
        manifest = write_records(
            RAW_DATASET,
            folder,
            image_size=params.image_size,
            seed=params.seed,
            **dict(params.preprocess),
        )
    for split, entry in manifest["splits"].items():
        print(f"{split}: {entry['examples']} images")
    for sentence in absent_classes(manifest) + not_left_out(RAW_DATASET, manifest):
        print(f"warning: {sentence}")
    for entry in manifest["left_out"]:
        print(f"left out of {entry['split']}: {entry['name']}, {entry['reason']}")
    for kind, count in Counter(entry["from"] for entry in manifest["converted"]).items():
        print(f"converted: {count} images, {kind}; data/records/manifest.json names them")
    return {"examples": {name: entry["examples"] for name, entry in manifest["splits"].items()}}


if __name__ == "__main__":
    stage_runner.run(main, "preprocess")
