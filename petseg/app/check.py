"""Checks params.yaml and the inputs that it and the environment name, before DVC runs anything.

    petseg check && dvc repro        # as `make repro` does

DVC removes a stage's results before it starts the stage, which then refuses wrong parameters. This
refuses them while the results are there. It also tells where data/raw was made from another offline
copy (PETSEG_OFFLINE_DIR) or another content of the encoder_weights file than there is now, which
`dvc status` cannot see.
"""

import argparse

from petseg.core import stage_runner
from petseg.core.params import load_params
from petseg.sources import inputs


def main(arguments: list[str] | None = None) -> None:
    argparse.ArgumentParser(
        prog="petseg check",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    ).parse_args(arguments)
    with stage_runner.report_errors():
        params = load_params()
        inputs.require(params)
        inputs.require_unchanged(params)
        print("params.yaml and the inputs that it names: no mistake found")


if __name__ == "__main__":
    main()
