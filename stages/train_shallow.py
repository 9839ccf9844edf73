"""Trains the in-house shallow network: models/shallow.keras and its learning curve."""

from functools import partial

from petseg import records
from petseg.core import paths, stage_runner
from petseg.core.params import load_params
from petseg.models import shallow
from petseg.training import loop


def main() -> dict | None:
    params = load_params()
    classes = len(records.spec(paths.RECORDS).classes)
    return loop.train(
        "shallow",
        partial(shallow.build, params.image_size, classes, params.train_shallow),
        params.train_shallow,
        machine=params.machine,
        seed=params.seed,
        records_folder=paths.RECORDS,
        model_path=paths.model("shallow"),
        curve_path=paths.learning_curve("shallow"),
        checkpoint_folder=paths.CHECKPOINTS,
    )


if __name__ == "__main__":
    stage_runner.run(main, "train_shallow")
