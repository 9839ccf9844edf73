"""Checks params.yaml, the dataset and the inputs that they name, before DVC runs anything.

    petseg check && dvc repro        # as `make repro` does

DVC removes a stage's results before it starts the stage, which then refuses wrong parameters. This
refuses them while the results are there. It also tells where data/raw was made from another offline
copy (PETSEG_OFFLINE_DIR) or another content of the encoder_weights file than there is now, which
`dvc status` cannot see.
"""

import argparse
import sys

from petseg.app import commands
from petseg.core import beam, stage_runner
from petseg.core.dataset_file import load_dataset
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.param_types import unknown_classes
from petseg.core.params import Params, load_params
from petseg.core.training_params import Training
from petseg.sources import inputs


def main(arguments: list[str] | None = None) -> None:
    build_parser().parse_args(arguments)
    with stage_runner.report_errors():
        params = load_params()
        dataset = load_dataset(params.dataset.name)
        inputs.require(params, dataset)
        if params.preprocess.runner == "beam":
            beam.require()
        inputs.require_usable(dataset)
        inputs.require_unchanged(params, dataset)
        for warning in unused_weights(params, dataset):
            print(f"warning: {warning}", file=sys.stderr)
        print("params.yaml, the dataset and the inputs that they name: no mistake found")


def build_parser() -> argparse.ArgumentParser:
    return commands.parser("check", __doc__)


def unused_weights(params: Params, dataset: DatasetSpec) -> list[str]:
    """What is said of class weights for classes that the dataset does not have."""
    told = []
    for name, section in params:
        weights = section.loss.class_weights if isinstance(section, Training) else {}
        if strange := unknown_classes(weights, dataset.class_names):
            told.append(
                f"{name}.loss.class_weights has {', '.join(sorted(strange))}, which is no class of "
                f"{dataset.name} and is not used"
            )
    return told


if __name__ == "__main__":
    main()
