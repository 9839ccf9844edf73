"""One training loop for every network: it knows a Keras model and a name, and nothing more.

Two models of the same architecture stand side by side. One is trained, in the machine's best
precision and by its fastest operations. The other holds the moving average of its weights in
float32 and stock layers: it is what is validated, and, from the best epoch, what is saved. So the
saved file loads without this project's code.
"""

import dataclasses
import json
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

from petseg.augment import undistorted
from petseg.data import cache, records
from petseg.data.source import Source
from petseg.errors import PetsegError
from petseg.evaluation import scores
from petseg.evaluation.confusion import confusion_matrices
from petseg.files import write_csv
from petseg.input_pipeline import evaluation_batches, training_batches
from petseg.models.folding import fold
from petseg.models.normalization import FusedBatchNormalization
from petseg.params import Augmentation, Machine, Training
from petseg.training import checkpoint, devices, model_file, precision, schedule
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
    machine: Machine,
    seed: int,
    records_folder: Path,
    model_path: Path,
    curve_path: Path,
    checkpoint_folder: Path,
    groups: tuple[Group, ...] = (),
) -> dict:
    """Trains a network and saves its best averaged weights and, every epoch, its learning curve.

    `build(batch_norm=...)` makes the model. `groups` name the variables that are trained unlike the
    rest. A run that was interrupted goes on from its own last epoch, on other devices too.
    PetsegError where the records are damaged, where another worker is lost or trains something
    else, and where the loss is no longer finite; then nothing is saved. Returns what the run took:
    devices, precision, and each epoch's seconds and training images per second. Only the chief
    writes and returns; the processes of other workers end here, as there is nothing left to do.
    """
    strategy, where = devices.resolve(machine.strategy)
    with devices.lost_workers_told(strategy):
        manifest = records.verify(records_folder, ("train", "validation"))
        sources, cached = cache.open_splits(records_folder, ("train", "validation"), machine.cache)
        training, validation = sources
        policy, policy_reason = precision.resolve(settings.precision)
        causes = (name, dataclasses.asdict(settings), seed, manifest, policy)
        devices.check_same(strategy, checkpoint.fingerprint(*causes))
        run = _Run(build, settings, groups, seed, training.count, policy, strategy)
        fingerprint = checkpoint.fingerprint(*causes, checkpoint.digest(run.best))
        devices.check_same(strategy, fingerprint)
        checkpoint_path = checkpoint_folder / f"{name}-{fingerprint}.npz"
        if run.is_chief:
            checkpoint.prune(checkpoint_folder, name, keep=checkpoint_path)
        print(f"{name}: {run.model.count_params():,} parameters, {policy} ({policy_reason})")
        print(f"{name}: strategy: {where}; cache: {cached}", flush=True)
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
            if run.is_chief:
                run.save(checkpoint_path)
                write_csv(curve_path, pd.DataFrame(run.history))
            seconds = time.perf_counter() - start
            epochs.append({"epoch": epoch + 1, "seconds": seconds, "images_per_second": rate})
            print(_epoch_line(name, row, settings.epochs), f" {seconds:.0f} s", flush=True)

    if not run.is_chief:
        sys.exit()
    write_csv(curve_path, pd.DataFrame(run.history))
    run.save_best_model(model_path)
    checkpoint_path.unlink(missing_ok=True)
    best = run.history[run.best_epoch()]
    print(f"{name}: kept epoch {best['epoch']}, val_mean IoU {best['val_mean_iou']:.4f}")
    found = [device.name for device in tf.config.list_logical_devices()]
    return {"devices": found, "strategy": where, "precision": policy, "epochs": epochs}


class _Run:
    """The state of one training run: models, optimizers, history, and the best weights so far."""

    def __init__(
        self,
        build: Callable[..., keras.Model],
        settings: Training,
        groups: tuple[Group, ...],
        seed: int,
        examples: int,
        policy: str,
        strategy: tf.distribute.Strategy,
    ):
        self.settings, self.seed, self.strategy = settings, seed, strategy
        self.is_chief = devices.is_chief(strategy)
        self.steps = examples // settings.batch_size
        keras.utils.set_random_seed(seed)
        if settings.deterministic:
            tf.config.experimental.enable_op_determinism()
        devices.check_batch_size(strategy, settings.batch_size)
        with strategy.scope():
            self.model = fold(_build_in(policy, build, FusedBatchNormalization))
            self.averaged = _build_in("float32", build, keras.layers.BatchNormalization)
            self.averaged.set_weights(self.model.get_weights())
            self.validated = fold(self.averaged)
            if strategy.num_replicas_in_sync > 1:
                devices.synchronize_batch_norm(self.model)

            apart = [(group, group.variables(self.model)) for group in groups]
            taken = {id(variable) for _, variables in apart for variable in variables}
            rest = [v for v in self.model.trainable_variables if id(v) not in taken]
            self.groups = [(Group(lambda _: rest), rest), *apart]
            self.optimizers = [_optimizer(settings, variables) for _, variables in self.groups]

        self.history: list[dict] = []
        self.best = checkpoint.values(self.averaged.variables)
        self._steps_by_active: dict[tuple[int, ...], Callable] = {}
        self._evaluate = tf.function(self._summed(self._evaluate_batch), reduce_retracing=True)

    def train_epoch(self, epoch: int, source: Source, label: str) -> dict:
        """One pass over the examples; the beginning of the epoch's row of the learning curve."""
        active = tuple(
            index for index, (group, _) in enumerate(self.groups) if epoch >= group.after_epochs
        )
        if active not in self._steps_by_active:
            self._steps_by_active[active] = tf.function(self._summed(self._step(active)))
        step = self._steps_by_active[active]
        batches = self._distributed(
            training_batches,
            source,
            seed=self.seed,
            epoch=epoch,
            augmentation=self._augmentation(epoch),
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
            _require_finite(loss, epoch, f"step {index + 1}")
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

    def validate(self, source: Source) -> dict:
        """The rest of the epoch's row: loss and scores of the averaged weights."""
        if not self.settings.averaging:
            self.averaged.set_weights(self.model.get_weights())
        total_loss, matrix = 0.0, np.zeros((3, 3), np.int64)
        for images, masks, counted in self._distributed(evaluation_batches, source):
            loss, counts = self._evaluate(images, masks, counted)
            total_loss += float(loss)
            matrix += counts.numpy()
        _require_finite(total_loss, len(self.history), "validation")  # what the last update left
        return {
            "val_loss": total_loss / source.count,
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
        model_file.save(self.averaged, path)

    def save(self, path: Path) -> None:
        """Writes all state to a checkpoint."""
        arrays = {group: checkpoint.values(found) for group, found in self._variables().items()}
        arrays["best"] = self.best
        checkpoint.save(path, checkpoint.Checkpoint(arrays, {"history": self.history}))

    def resume(self, path: Path) -> bool:
        """Takes all state from the checkpoint at `path`, where the chief has one."""
        stored = checkpoint.load(path) if self.is_chief else None
        history = devices.text_from_chief(self.strategy, json.dumps(stored and stored.progress))
        if history == "null":
            return False
        variables = self._variables()
        arrays = stored.arrays if stored else {}
        for group, found in variables.items():
            mine = arrays.get(group) or checkpoint.values(found)
            checkpoint.assign(found, devices.from_chief(self.strategy, mine))
        self.best = devices.from_chief(self.strategy, arrays.get("best") or self.best)
        self.history = json.loads(history)["history"]
        return True

    def _variables(self) -> dict[str, list]:
        optimizers = {f"optimizer_{i}": o.variables for i, o in enumerate(self.optimizers)}
        models = {"model": self.model.variables, "averaged": self.averaged.variables}
        return models | optimizers

    def _distributed(self, batches: Callable, source: Source, **options):
        """Batches that all replicas share."""
        size = self.settings.batch_size
        return self.strategy.distribute_datasets_from_function(
            lambda context: batches(source, batch_size=size, context=context, **options)
        )

    def _summed(self, function: Callable) -> Callable:
        """`function` run by each replica, and the sums of what it returns over all of them."""

        def run(*args):
            results = self.strategy.run(function, args)
            return [self.strategy.reduce("SUM", result, axis=None) for result in results]

        return run

    def _step(self, active: tuple[int, ...]) -> Callable:
        """One update of the active groups, as one replica does it with its part of the batch.

        Pictures, masks and averaging decay -> its share of the batch's mean loss, its confusion.
        """
        settings = self.settings
        groups = [(self.optimizers[index], self.groups[index][1]) for index in active]
        averages = list(zip(self.averaged.weights, self.model.weights, strict=True))

        def step(images, masks, decay):
            with tf.GradientTape() as tape:
                logits = self.model(images, training=True)
                losses = segmentation_loss(masks, logits, settings.loss)
                loss = tf.reduce_sum(losses) / settings.batch_size
            sources = [[variable.value for variable in found] for _, found in groups]
            for (optimizer, found), gradients in zip(
                groups, tape.gradient(loss, sources), strict=True
            ):
                optimizer.apply(gradients, found)  # which sums them over the replicas
            if settings.averaging:
                for average, weight in averages:
                    average.assign(weight + decay * (average - weight))
            counts = confusion_matrices(masks, tf.argmax(logits, axis=-1))
            return loss, tf.reduce_sum(counts, axis=0)

        return step

    def _evaluate_batch(self, images, masks, counted):
        logits = self.validated(tf.cast(images, tf.float32), training=False)
        losses = segmentation_loss(masks, logits, self.settings.loss)
        counts = confusion_matrices(masks, tf.argmax(logits, axis=-1))
        chosen = tf.cast(counted, counts.dtype)[:, None, None]
        return (
            tf.reduce_sum(losses * tf.cast(counted, losses.dtype)),
            tf.reduce_sum(counts * chosen, axis=0),
        )

    def _augmentation(self, epoch: int) -> Augmentation:
        settings = self.settings
        distorted = epoch < settings.epochs - settings.undistorted_epochs
        return settings.augmentation if distorted else undistorted(settings.augmentation)

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


def _require_finite(loss: float, epoch: int, where: str) -> None:
    if not math.isfinite(loss):
        raise PetsegError(
            f"the loss is {loss} at epoch {epoch + 1}, {where}; no model was kept. "
            "A lower learning_rate or a longer warm-up usually helps"
        )


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
