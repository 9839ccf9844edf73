"""Brings the photographs, their masks and the encoder's pretrained weights to data/raw.

From the network through TensorFlow Datasets, or from the folder that PETSEG_OFFLINE_DIR names, or
drawn (dataset.name: synthetic). data/raw/provenance.json tells where each thing came from.
"""

from petseg import cli, params
from petseg.data import acquisition, encoder_weights, inputs
from petseg.files import atomic_folder, write_json
from petseg.paths import ENCODER, PROVENANCE, RAW, RAW_DATASET, cost


def main() -> None:
    wanted = params.load()
    inputs.require(wanted)
    with atomic_folder(RAW) as raw:
        if wanted.dataset.name == inputs.SYNTHETIC:
            dataset = acquisition.draw_dataset(
                raw / RAW_DATASET.relative_to(RAW),
                train=wanted.dataset.synthetic_train,
                test=wanted.dataset.synthetic_test,
                image_size=wanted.dataset.synthetic_side,
                seed=wanted.dataset.synthetic_seed,
            )
        else:
            dataset = acquisition.bring_dataset(raw / RAW_DATASET.relative_to(RAW))
        encoder = encoder_weights.bring(
            wanted.train_unet.encoder_weights,
            wanted.train_unet.encoder_alpha,
            raw / ENCODER.relative_to(RAW),
        )
        provenance = {"dataset": {"name": wanted.dataset.name} | dataset, "encoder": encoder}
        write_json(raw / PROVENANCE.relative_to(RAW), provenance)
    print(f"dataset: {dataset['examples']} from {dataset['source']}")
    print(f"encoder weights: {encoder.get('source', 'none')}")


if __name__ == "__main__":
    cli.run(main, __doc__, cost("download"))
