"""One training loop for every network: it knows a Keras model and a name, and nothing more.

Two models of the same architecture stand side by side. One is trained, in the machine's best
precision. The other holds the moving average of its weights in float32: it is what is validated,
and, from the best epoch, what is saved. So the saved file loads without this project's code.
"""

import dataclasses
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf

from petseg.data import records
from petseg.data.records import Examples
from petseg.errors import PetsegError
from petseg.evaluation import scores
from petseg.evaluation.confusion import confusion_matrices
from petseg.files import atomic_file, write_csv
from petseg.input_pipeline import evaluation_batches, training_batches
from petseg.models.normalization import FusedBatchNormalization
from petseg.params import Training
from petseg.training import checkpoint, precision, schedule
from petseg.training.losses import segmentation_loss


@dataclass(frozen=True)
class Group:
    """Variables that share a learning rate and the epoch after which their training begins."""

    variables: Callable[[keras.Model], list]
    learning_rate_scale: float = 1.0
    after_epochs: int = 0


def train(
    name: str,
    build: Callable[..., keras.Model],
    settings: Training,
    *,
    seed: int,
    records_folder: Path,
    model_path: Path,
    curve_path: Path,
    checkpoint_folder: Path,
    groups: tuple[Group, ...] = (),
) -> dict:
    """Trains a network and saves its best averaged weights and, every epoch, its learning curve.

    `build(batch_norm=...)` makes the model. `groups` name the variables that are trained unlike the
    rest. A run that was interrupted goes on from its own last epoch. PetsegError where the records
    are damaged, and where the loss is no longer finite; then nothing is saved. Returns what the run
    took: device, precision, and each epoch's seconds and training images per second.
    """
    manifest = records.verify(records_folder, ("train", "validation"))
    training = records.load(records_folder, "train")
    validation = records.load(records_folder, "validation")
    run = _Run(build, settings, groups, seed, len(training.images))
    causes = (name, dataclasses.asdict(settings), seed, manifest, run.policy)
    checkpoint_path = checkpoint_folder / f"{name}-{checkpoint.fingerprint(*causes)}.npz"
    print(f"{name}: {run.model.count_params():,} parameters, {run.policy} ({run.policy_reason})")
    if run.resume(checkpoint_path):
        print(f"{name}: going on after epoch {len(run.history)} of an interrupted run")

    epochs = []
    while not run.is_done():
        epoch, start = len(run.history), time.perf_counter()
        row = run.train_epoch(epoch, training, label=f"{name} {epoch + 1}/{settings.epochs}")
        rate = run.steps * settings.batch_size / (time.perf_counter() - start)
        row |= run.validate(validation)
        run.history.append(row)
        run.keep_if_best()
        run.save(checkpoint_path)
        write_csv(curve_path, pd.DataFrame(run.history))
        seconds = time.perf_counter() - start
        epochs.append({"epoch": epoch + 1, "seconds": seconds, "images_per_second": rate})
        print(_epoch_line(name, row, settings.epochs), f" {seconds:.0f} s", flush=True)

    write_csv(curve_path, pd.DataFrame(run.history))
    run.save_best_model(model_path)
    checkpoint_path.unlink(missing_ok=True)
    best = run.history[run.best_epoch()]
    print(f"{name}: kept epoch {best['epoch']}, val_mean IoU {best['val_mean_iou']:.4f}")
    devices = [device.name for device in tf.config.list_logical_devices()]
    return {"devices": devices, "precision": run.policy, "epochs": epochs}


class _Run:
    """The state of one training run: models, optimizers, history, and the best weights so far."""

    def __init__(self, build, settings: Training, groups, seed: int, examples: int):
        self.settings, self.seed = settings, seed
        self.steps = examples // settings.batch_size
        self.policy, self.policy_reason = precision.resolve(settings.precision)
        keras.utils.set_random_seed(seed)
        if settings.deterministic:
            tf.config.experimental.enable_op_determinism()
        self.model = _build_in(self.policy, build, FusedBatchNormalization)
        self.averaged = _build_in("float32", build, keras.layers.BatchNormalization)
        self.averaged.set_weights(self.model.get_weights())

        apart = [(group, group.variables(self.model)) for group in groups]
        taken = {id(variable) for _, variables in apart for variable in variables}
        rest = [v for v in self.model.trainable_variables if id(v) not in taken]
        self.groups = [(Group(lambda _: rest), rest), *apart]
        self.optimizers = [_optimizer(settings, variables) for _, variables in self.groups]

        self.history: list[dict] = []
        self.best = checkpoint.values(self.averaged.variables)
        self._steps_by_active: dict[tuple[int, ...], Callable] = {}
        self._evaluate = tf.function(self._evaluate_batch, reduce_retracing=True)

    def train_epoch(self, epoch: int, examples: Examples, label: str) -> dict:
        """One pass over the examples; the beginning of the epoch's row of the learning curve."""
        settings = self.settings
        active = tuple(
            index for index, (group, _) in enumerate(self.groups) if epoch >= group.after_epochs
        )
        if active not in self._steps_by_active:
            self._steps_by_active[active] = tf.function(self._step(active))
        step = self._steps_by_active[active]
        batches = training_batches(
            examples,
            batch_size=settings.batch_size,
            seed=self.seed,
            epoch=epoch,
            augmentation=settings.augmentation,
        )
        progress = keras.utils.Progbar(self.steps) if sys.stdout.isatty() else None
        if progress:
            print(label)
        total_loss, matrix = 0.0, np.zeros((3, 3), np.int64)
        for index, (images, masks) in enumerate(batches):
            rate = self._set_learning_rate(epoch * self.steps + index)
            decay = self._averaging_decay(epoch * self.steps + index)
            loss, counts = step(images, masks, tf.constant(decay, tf.float32))
            loss = float(loss)
            if not math.isfinite(loss):
                raise PetsegError(
                    f"the loss is {loss} at epoch {epoch + 1}, step {index + 1}; no model was "
                    "kept. A lower learning_rate or a longer warm-up usually helps"
                )
            total_loss += loss
            matrix += counts.numpy()
            if progress:
                progress.update(index + 1, [("loss", loss)])
        return {
            "epoch": epoch + 1,
            "learning_rate": rate,
            "loss": total_loss / self.steps,
            "pixel_accuracy": float(scores.pixel_accuracy(matrix)),
            "mean_iou": float(scores.mean_iou(matrix)),
        }

    def validate(self, examples: Examples) -> dict:
        """The rest of the epoch's row: loss and scores of the averaged weights."""
        if not self.settings.averaging:
            self.averaged.set_weights(self.model.get_weights())
        losses, matrices = [], []
        for images, masks in evaluation_batches(examples, batch_size=self.settings.batch_size):
            loss, counts = self._evaluate(images, masks)
            losses.append(loss.numpy())
            matrices.append(counts.numpy())
        matrix = np.concatenate(matrices).sum(axis=0)
        return {
            "val_loss": float(np.concatenate(losses).mean()),
            "val_pixel_accuracy": float(scores.pixel_accuracy(matrix)),
            "val_mean_iou": float(scores.mean_iou(matrix)),
        }

    def best_epoch(self) -> int:
        """The index of the first epoch with the highest validation mean IoU."""
        return int(np.argmax([row["val_mean_iou"] for row in self.history]))

    def keep_if_best(self) -> None:
        """Remembers the averaged weights where the last epoch is the best so far."""
        if self.best_epoch() == len(self.history) - 1:
            self.best = checkpoint.values(self.averaged.variables)

    def is_done(self) -> bool:
        """Whether all epochs are trained, or early stopping has waited long enough."""
        if not self.history:
            return False
        waited = len(self.history) - 1 - self.best_epoch()
        patience = self.settings.early_stopping_patience
        return len(self.history) >= self.settings.epochs or 0 < patience <= waited

    def save_best_model(self, path: Path) -> None:
        """Saves the best averaged weights as a Keras model of stock layers in float32."""
        checkpoint.assign(self.averaged.variables, self.best)
        with atomic_file(path) as temporary:
            self.averaged.save(temporary)

    def save(self, path: Path) -> None:
        """Writes all state to a checkpoint."""
        arrays = {group: checkpoint.values(found) for group, found in self._variables().items()}
        arrays["best"] = self.best
        checkpoint.save(path, checkpoint.Checkpoint(arrays, {"history": self.history}))

    def resume(self, path: Path) -> bool:
        """Takes all state from the checkpoint at `path`, where there is one."""
        stored = checkpoint.load(path)
        if stored is None:
            return False
        for group, found in self._variables().items():
            checkpoint.assign(found, stored.arrays[group])
        self.best = stored.arrays["best"]
        self.history = stored.progress["history"]
        return True

    def _variables(self) -> dict[str, list]:
        optimizers = {f"optimizer_{i}": o.variables for i, o in enumerate(self.optimizers)}
        models = {"model": self.model.variables, "averaged": self.averaged.variables}
        return models | optimizers

    def _step(self, active: tuple[int, ...]) -> Callable:
        """One update of the active groups: batch and averaging decay -> loss and confusion."""
        settings = self.settings
        groups = [(self.optimizers[index], self.groups[index][1]) for index in active]
        averages = list(zip(self.averaged.weights, self.model.weights, strict=True))

        def step(images, masks, decay):
            with tf.GradientTape() as tape:
                logits = self.model(images, training=True)
                loss = tf.reduce_mean(segmentation_loss(masks, logits, settings.loss))
            sources = [[variable.value for variable in found] for _, found in groups]
            for (optimizer, found), gradients in zip(
                groups, tape.gradient(loss, sources), strict=True
            ):
                optimizer.apply(gradients, found)
            if settings.averaging:
                for average, weight in averages:
                    average.assign(weight + decay * (average - weight))
            counts = confusion_matrices(masks, tf.argmax(logits, axis=-1))
            return loss, tf.reduce_sum(counts, axis=0)

        return step

    def _evaluate_batch(self, images, masks):
        logits = self.averaged(tf.cast(images, tf.float32), training=False)
        loss = segmentation_loss(masks, logits, self.settings.loss)
        return loss, confusion_matrices(masks, tf.argmax(logits, axis=-1))

    def _set_learning_rate(self, step: int) -> float:
        settings = self.settings
        rate = schedule.learning_rate(
            step,
            peak=settings.learning_rate,
            kind=settings.schedule,
            warmup_steps=round(settings.warmup_epochs * self.steps),
            steps=settings.epochs * self.steps,
        )
        for optimizer, (group, _) in zip(self.optimizers, self.groups, strict=True):
            optimizer.learning_rate.assign(rate * group.learning_rate_scale)
        return rate

    def _averaging_decay(self, step: int) -> float:
        # A short memory at first: the first weights are not worth remembering.
        return min(self.settings.averaging, (1 + step) / (10 + step))


def _build_in(policy: str, build: Callable, batch_norm: type) -> keras.Model:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return build(batch_norm=batch_norm)
    finally:
        keras.config.set_dtype_policy(before)


def _optimizer(settings: Training, variables: list) -> keras.optimizers.Optimizer:
    if settings.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(weight_decay=settings.weight_decay)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    elif settings.optimizer == "adam":
        optimizer = keras.optimizers.Adam()
    else:
        optimizer = keras.optimizers.SGD(momentum=0.9)
    optimizer.build(variables)
    return optimizer


def _epoch_line(name: str, row: dict, epochs: int) -> str:
    return (
        f"{name}: epoch {row['epoch']}/{epochs}"
        f"  loss {row['loss']:.4f}  val_loss {row['val_loss']:.4f}"
        f"  mean IoU {row['mean_iou']:.4f}  val_mean IoU {row['val_mean_iou']:.4f}"
    )
