"""Checks params.yaml, the dataset and inputs before DVC runs a stage.

    petseg check && dvc repro        # as `make repro` does

DVC deletes a stage's outputs before it starts the stage; this reports wrong parameters while they
exist. It also reports what `dvc status` cannot see: data/raw from another offline copy
(PETSEG_OFFLINE_DIR) or other content of the encoder_weights file.
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
    """Returns a warning per section that weights unknown classes."""
    warnings = []
    for name, section in params:
        weights = section.loss.class_weights if isinstance(section, Training) else {}
        if strange := unknown_classes(weights, dataset.class_names):
            warnings.append(
                f"{name}.loss.class_weights has {', '.join(sorted(strange))}, which is not a class "
                f"of {dataset.name} and is ignored"
            )
    return warnings


if __name__ == "__main__":
    main()
