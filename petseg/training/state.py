"""The state of a training run, and its checkpoints.

One model trains, in the selected precision, through its accelerated twin. Another, of float32
stock layers, holds its moving average, is validated and saved: it loads without this project.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from petseg.acceleration import accelerate
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.training_params import Training
from petseg.training import checkpoint, devices, loss_scale, model_file
from petseg.training.loss_scale import LossScale
from petseg.training.optimizers import Group, build_groups


@dataclass
class State:
    """Everything that a run needs to continue.

    `accelerated` computes the same as `model` with its variables, possibly in another order;
    `averaged` has its moving average. `history` has a learning curve row per epoch, `best` the best
    averaged weights. `loss_scale` is for float16.
    """

    model: keras.Model
    accelerated: keras.Model
    averaged: keras.Model
    groups: list[Group]
    loss_scale: LossScale | None
    best: list[np.ndarray]
    history: list[dict] = field(default_factory=list)

    def best_epoch(self) -> int:
        """Returns the first epoch of highest validation mean IoU, from 0."""
        return int(np.argmax([row["val_mean_iou"] for row in self.history]))

    def add_epoch(self, row: dict) -> None:
        """Adds a row; stores the averaged weights if it is the best so far."""
        self.history.append(row)
        if self.best_epoch() == len(self.history) - 1:
            self.best = checkpoint.values(self.averaged.variables)

    def is_done(self, params: Training) -> bool:
        """Returns whether all epochs are trained, or early stopping applies."""
        if not self.history:
            return False
        waited = len(self.history) - 1 - self.best_epoch()
        return len(self.history) >= params.epochs or 0 < params.early_stopping_patience <= waited

    def save_best_model(self, path: Path, spec: DatasetSpec) -> None:
        """Saves the best averaged weights as a float32 model of stock layers."""
        checkpoint.assign(self.averaged.variables, self.best)
        model_file.save(self.averaged, path, spec)

    def save(self, path: Path) -> None:
        """Writes a checkpoint."""
        arrays = {name: checkpoint.values(found) for name, found in self._variables().items()}
        arrays["best"] = self.best
        checkpoint.save(path, checkpoint.Checkpoint(arrays, {"history": self.history}))

    def resume(self, path: Path, strategy: tf.distribute.Strategy) -> bool:
        """Restores the chief's checkpoint; False if there is none."""
        stored = checkpoint.load(path) if devices.is_chief(strategy) else None
        progress = devices.text_from_chief(strategy, json.dumps(stored and stored.progress))
        if progress == "null":
            return False
        arrays = stored.arrays if stored else {}
        for name, variables in self._variables().items():
            mine = arrays.get(name) or checkpoint.values(variables)
            checkpoint.assign(variables, devices.from_chief(strategy, mine))
        self.best = devices.from_chief(strategy, arrays.get("best") or self.best)
        self.history = json.loads(progress)["history"]
        return True

    def _variables(self) -> dict[str, list]:
        optimizers = {
            f"optimizer_{index}": group.optimizer.variables
            for index, group in enumerate(self.groups)
        }
        models = {"model": self.model.variables, "averaged": self.averaged.variables}
        scale = {"loss_scale": list(self.loss_scale)} if self.loss_scale else {}
        return models | optimizers | scale


def create(
    build: Callable[[], keras.Model],
    params: Training,
    *,
    scaled_groups: Callable[[keras.Model], Sequence[tuple[list, float]]],
    seed: int,
    policy: str,
    strategy: tf.distribute.Strategy,
) -> State:
    """Returns the state before the first epoch; `policy` is a Keras dtype policy.

    `scaled_groups` returns variables with the scale of their learning rate.
    """
    keras.utils.set_random_seed(seed)
    if params.deterministic:
        tf.config.experimental.enable_op_determinism()
    with strategy.scope():
        model = _build_in(policy, build)
        if strategy.num_replicas_in_sync > 1:
            devices.synchronize_batch_norm(model)
        accelerated = accelerate(model)
        averaged = _build_in("float32", build)
        averaged.set_weights(model.get_weights())
        groups = build_groups(model, params, scaled_groups(model))
        scale = loss_scale.create(policy)
    return State(model, accelerated, averaged, groups, scale, checkpoint.values(averaged.variables))


def _build_in(policy: str, build: Callable[[], keras.Model]) -> keras.Model:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return build()
    finally:
        keras.config.set_dtype_policy(before)
