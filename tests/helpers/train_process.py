"""Trains a tiny network in a process of its own: TensorFlow finds its devices once a process.

The one argument is JSON with the keyword arguments of `train`.
"""

import dataclasses
import json
import os
import signal
import sys
from functools import partial
from pathlib import Path

import tensorflow as tf

from petseg import cli, params
from petseg.models import mobilenet_unet
from petseg.training import loop
from tests.helpers import networks

BUILDERS = {
    "tiny": partial(networks.tiny, dropout=0.0),  # of which each device draws the same
    "shallow": networks.shallow,
    "unet": partial(networks.unet, fine_tune_from="block_16", decoder_filters=(4, 4, 4, 4)),
}
ENCODER = loop.Group(mobilenet_unet.encoder_variables, 0.5)


def train(
    records: str,
    folder: str,
    network: str,
    strategy: str = "single",
    cpus: int = 1,
    dies_after: int = 0,
    **settings,
) -> dict:
    """Trains with the shallow network's shipped settings, changed by `settings`.

    `cpus` is how many CPUs to pretend; after the epoch `dies_after` the process kills itself.
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
        dataclasses.replace(params.load().train_shallow, **(defaults | settings)),
        machine=params.Machine(strategy=strategy, cache="none"),
        groups=(ENCODER,) if network == "unet" else (),
        seed=1,
        records_folder=Path(records),
        model_path=Path(folder) / "model.keras",
        curve_path=Path(folder) / "curve.csv",
        checkpoint_folder=Path(folder) / "checkpoints",
    )


def _die_after(epochs: int) -> None:
    keep_if_best = loop._Run.keep_if_best

    def die(run):
        keep_if_best(run)
        if len(run.history) == epochs:
            os.kill(os.getpid(), signal.SIGKILL)

    loop._Run.keep_if_best = die


if __name__ == "__main__":
    wanted = json.loads(sys.argv.pop())
    cli.run(partial(train, **wanted), __doc__, Path(wanted["folder"]) / "cost.json")
