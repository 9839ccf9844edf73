"""Stores the images, their masks and the encoder's pretrained weights in data/raw.

The source is set in datasets/NAME/dataset.yaml of the dataset that params.yaml names.
data/raw/provenance.json records the origin of each part.
"""

from petseg.core import stage_runner
from petseg.core.dataset_file import load_dataset
from petseg.core.files import atomic_folder, write_json
from petseg.core.params import load_params
from petseg.core.paths import ENCODER, PROVENANCE, RAW, RAW_DATASET
from petseg.sources import acquisition, encoder_weights, inputs


def main() -> dict:
    params = load_params()
    description = load_dataset(params.dataset.name)
    inputs.require(params, description)
    with atomic_folder(RAW) as raw:
        encoder = encoder_weights.bring(params.train_unet, raw / ENCODER.relative_to(RAW))
        dataset = acquisition.bring(description, raw / RAW_DATASET.relative_to(RAW))
        provenance = {"dataset": {"name": description.name} | dataset, "encoder": encoder}
        write_json(raw / PROVENANCE.relative_to(RAW), provenance)
    print(f"dataset: {dataset['examples']} from {dataset['source']}")
    print(f"encoder: {encoder['encoder']}, weights: {encoder.get('source', 'none')}")
    return {"examples": dataset["examples"]}


if __name__ == "__main__":
    stage_runner.run(main, "download")
