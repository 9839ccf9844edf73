"""Trains the in-house shallow network: models/shallow.keras and its learning curve."""

from functools import partial

from petseg import cli, params
from petseg.models import shallow
from petseg.paths import CHECKPOINTS, RECORDS, cost, learning_curve, model
from petseg.training import loop


def main() -> dict:
    wanted = params.load()
    settings = wanted.train_shallow
    return loop.train(
        "shallow",
        partial(shallow.build, wanted.image_size, width=settings.width),
        settings,
        machine=wanted.machine,
        seed=wanted.seed,
        records_folder=RECORDS,
        model_path=model("shallow"),
        curve_path=learning_curve("shallow"),
        checkpoint_folder=CHECKPOINTS,
    )


if __name__ == "__main__":
    cli.run(main, __doc__, cost("train_shallow"))
