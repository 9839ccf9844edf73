"""Brings the images, their masks and the encoder's pretrained weights to data/raw.

From the network through TensorFlow Datasets, or from the folder that PETSEG_OFFLINE_DIR names, or
drawn (dataset.name: synthetic). data/raw/provenance.json tells where each thing came from.
"""

from petseg.core import stage_runner
from petseg.core.files import atomic_folder, write_json
from petseg.core.params import load_params
from petseg.core.paths import ENCODER, PROVENANCE, RAW, RAW_DATASET
from petseg.sources import acquisition, encoder_weights, inputs


def main() -> dict:
    params = load_params()
    inputs.require(params)
    with atomic_folder(RAW) as raw:
        if params.dataset.name == inputs.SYNTHETIC:
            dataset = acquisition.draw_dataset(
                raw / RAW_DATASET.relative_to(RAW),
                train=params.dataset.synthetic_train,
                test=params.dataset.synthetic_test,
                image_size=params.dataset.synthetic_side,
                seed=params.dataset.synthetic_seed,
            )
        else:
            dataset = acquisition.bring_dataset(raw / RAW_DATASET.relative_to(RAW))
        encoder = encoder_weights.bring(
            params.train_unet.encoder_weights,
            params.train_unet.encoder_alpha,
            raw / ENCODER.relative_to(RAW),
        )
        provenance = {"dataset": {"name": params.dataset.name} | dataset, "encoder": encoder}
        write_json(raw / PROVENANCE.relative_to(RAW), provenance)
    print(f"dataset: {dataset['examples']} from {dataset['source']}")
    print(f"encoder weights: {encoder.get('source', 'none')}")
    return {"examples": dataset["examples"]}


if __name__ == "__main__":
    stage_runner.run(main, "download")
