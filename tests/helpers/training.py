"""Short training runs of tiny networks."""

from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from petseg.core import params
from petseg.training import loop, losses
from tests.helpers import networks
from tests.helpers.sections import SHIPPED, changed

MACHINE = params.Machine(strategy="single", cache="memory")


def settings(**changes) -> params.Training:
    """Returns the shipped settings of the shallow network for three short epochs."""
    schedule = {"epochs": 3, "warmup_epochs": 0.0, "final_epochs_without_geometry": 1}
    defaults = {"batch_size": 8, "precision": "float32"} | schedule
    return changed(SHIPPED.train_shallow, **(defaults | changes))


def objective(settings: params.Training) -> losses.Objective:
    """Returns the loss for three classes that all have weight 1, without void."""
    return losses.Objective(settings.loss, (1.0,) * 3, has_void=False)


def no_groups(model: keras.Model) -> list:
    """Scales the learning rate of no variables."""
    return []


def first_layer(model: keras.Model) -> list:
    """Halves the learning rate of the layer `first`."""
    return [(model.get_layer("first").trainable_variables, 0.5)]


def batch() -> tuple[tf.Tensor, tf.Tensor]:
    """Returns four images and masks of squares."""
    return tuple(map(tf.constant, networks.squares()))


def train(
    folder: Path,
    records_folder: Path,
    build=networks.tiny,
    machine=MACHINE,
    scaled_groups=no_groups,
    **changes,
):
    """Trains in `folder`; returns the run report."""
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
    """Trains in `folder`; returns the weights of the saved model and the learning curve."""
    train(folder, records_folder, *args, **changes)
    model = keras.saving.load_model(folder / "model.keras")
    return model.get_weights(), (folder / "curve.csv").read_bytes()


def assert_same(first, second) -> None:
    """Compares two results of `run` bit by bit."""
    for one, other in zip(first[0], second[0], strict=True):
        np.testing.assert_array_equal(one, other)
    assert first[1] == second[1]
