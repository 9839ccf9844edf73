"""A script that trains a tiny network: TensorFlow finds its devices only once per process.

Its one argument is JSON with the keyword arguments of `train`.
"""

import json
import os
import signal
import sys
from functools import partial
from pathlib import Path

import tensorflow as tf

from petseg.core import params, stage_runner
from petseg.models import unet
from petseg.training import loop, state
from tests.helpers import networks
from tests.helpers.sections import SHIPPED, changed

BUILDERS = {
    "tiny": partial(networks.tiny, dropout=0.0),  # each device would draw the same mask
    "shallow": networks.shallow,
    "unet": partial(networks.unet, fine_tune_from="block_16", decoder_filters=(4, 4, 4, 4)),
}
ENCODER = partial(unet.scaled_groups, params=networks.unet_section(encoder_learning_rate_scale=0.5))


def train(
    records: str,
    folder: str,
    network: str,
    strategy: str = "single",
    cpus: int = 1,
    dies_after: int = 0,
    **settings,
) -> dict | None:
    """Trains with the shipped settings of the shallow network, changed by `settings`.

    Simulates a number of `cpus`. The process kills itself after the epoch `dies_after`.
    """
    if cpus > 1:
        devices = [tf.config.LogicalDeviceConfiguration()] * cpus
        cpu = tf.config.list_physical_devices("CPU")[0]
        tf.config.set_logical_device_configuration(cpu, devices)
    if dies_after:
        _die_after(dies_after)
    defaults = {"epochs": 2, "batch_size": 8, "precision": "float32", "warmup_epochs": 0.0}
    return loop.train(
        "tiny",
        BUILDERS[network],
        changed(SHIPPED.train_shallow, **(defaults | settings)),
        machine=params.Machine(strategy=strategy, cache="none"),
        seed=1,
        records_folder=Path(records),
        model_path=Path(folder) / "model.keras",
        curve_path=Path(folder) / "curve.csv",
        checkpoint_folder=Path(folder) / "checkpoints",
        **({"scaled_groups": ENCODER} if network == "unet" else {}),
    )


def _die_after(epochs: int) -> None:
    add_epoch = state.State.add_epoch

    def die(run, row):
        add_epoch(run, row)
        if len(run.history) == epochs:
            os.kill(os.getpid(), signal.SIGKILL)

    state.State.add_epoch = die


if __name__ == "__main__":
    arguments = json.loads(sys.argv.pop())
    stage_runner.run(partial(train, **arguments), "train")
