"""Checks every photograph and mask and writes them, resized, as TFRecords to data/records.

Splits a validation set off the official training split; the official test split stays as it is.
"""

from petseg import cli, params
from petseg.data.preparation import records_bytes, write_records
from petseg.files import atomic_folder
from petseg.paths import RAW_DATASET, RECORDS, cost


def main() -> None:
    wanted = params.load()
    needs = records_bytes(RAW_DATASET, wanted.image_size)
    with atomic_folder(RECORDS, needs) as folder:
        manifest = write_records(
            RAW_DATASET,
            folder,
            image_size=wanted.image_size,
            validation_share=wanted.preprocess.validation_share,
            drop_unlabelled=wanted.preprocess.drop_unlabelled,
            max_bad_examples=wanted.preprocess.max_bad_examples,
            shard_examples=wanted.preprocess.shard_examples,
            seed=wanted.seed,
        )
    for split, entry in manifest["splits"].items():
        print(f"{split}: {entry['examples']} photographs")
    for entry in manifest["left_out"]:
        print(f"left out of {entry['split']}: {entry['name']}, {entry['reason']}")
    for entry in manifest["converted"]:
        print(f"converted: {entry['name']}, from {entry['from']}")


if __name__ == "__main__":
    cli.run(main, __doc__, cost("preprocess"))
