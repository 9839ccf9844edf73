"""Short trainings of tiny networks."""

from pathlib import Path

import keras
import numpy as np

from petseg.core import params
from petseg.training import loop, losses
from tests.helpers import networks
from tests.helpers.sections import SHIPPED, changed

MACHINE = params.Machine(strategy="single", cache="memory")


def settings(**changes) -> params.Training:
    """The shallow network's shipped settings, with short epochs."""
    schedule = {"epochs": 3, "warmup_epochs": 0.0, "final_epochs_without_geometry": 1}
    defaults = {"batch_size": 8, "precision": "float32"} | schedule
    return changed(SHIPPED.train_shallow, **(defaults | changes))


def objective(settings: params.Training) -> losses.Objective:
    """The loss of three classes that all weigh 1, without void."""
    return losses.Objective(settings.loss, (1.0,) * 3, has_void=False)


def no_groups(model: keras.Model) -> list:
    return []


def train(
    folder: Path,
    records_folder: Path,
    build=networks.tiny,
    machine=MACHINE,
    scaled_groups=no_groups,
    **changes,
):
    """Trains in `folder`; the run report."""
    return loop.train(
        "tiny",
        build,
        settings(**changes),
        machine=machine,
        seed=1,
        records_folder=records_folder,
        model_path=folder / "model.keras",
        curve_path=folder / "curve.csv",
        checkpoint_folder=folder / "checkpoints",
        scaled_groups=scaled_groups,
    )


def run(folder: Path, records_folder: Path, *args, **changes):
    """The saved model's weights and the learning curve of a training in `folder`."""
    train(folder, records_folder, *args, **changes)
    model = keras.saving.load_model(folder / "model.keras")
    return model.get_weights(), (folder / "curve.csv").read_bytes()


def assert_same(first, second) -> None:
    """Both are what `run` returned, equal to the last bit."""
    for one, other in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert first[1] == second[1]
