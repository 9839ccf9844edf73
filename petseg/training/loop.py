"""The training loop of every network."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import keras
import numpy as np
import pandas as pd
import tensorflow as tf
from tqdm import tqdm

from petseg.core.files import write_csv
from petseg.core.param_types import unknown_classes
from petseg.core.params import Machine
from petseg.core.training_params import Training
from petseg.metrics import scores
from petseg.training import checkpoint, devices, losses, precision, state, step
from petseg.training.batches import Batches, open_batches
from petseg.training.optimizers import set_learning_rate
from petseg.training.schedule import Schedule


def train(
    name: str,
    build: Callable[[], keras.Model],
    params: Training,
    *,
    machine: Machine,
    seed: int,
    records_folder: Path,
    model_path: Path,
    curve_path: Path,
    checkpoint_folder: Path,
    scaled_groups: Callable[[keras.Model], Sequence[tuple[list, float]]] = lambda model: (),
) -> dict | None:
    """Trains a network; saves its best averaged weights and, every epoch, its learning curve.

    Resumes an interrupted run, even on other devices. `scaled_groups` as in `state.create`. Only
    the chief writes files and returns the run report: devices, strategy, precision, and seconds and
    training images per second of each epoch.

    Raises PetsegError, without saving a model, if records are damaged, a worker is lost or differs,
    or the loss or a gradient is not finite.
    """
    strategy, strategy_used = devices.resolve(machine.strategy)
    devices.check_batch_size(strategy, params.batch_size)
    is_chief = devices.is_chief(strategy)
    with devices.report_lost_workers(strategy):
        batches = open_batches(
            records_folder, params, cache_mode=machine.cache, seed=seed, strategy=strategy
        )
        objective = losses.objective(params.loss, batches.manifest)
        policy, policy_reason = precision.resolve(params.precision)
        causes = [name, params.model_dump(), seed, batches.manifest, policy]
        devices.check_same(strategy, checkpoint.fingerprint(causes))
        run = state.create(
            build, params, scaled_groups=scaled_groups, seed=seed, policy=policy, strategy=strategy
        )
        causes.append(checkpoint.digest(run.best))
        devices.check_same(strategy, checkpoint.fingerprint(causes))
        checkpoint_path = checkpoint_folder / f"{name}-{checkpoint.fingerprint(causes)}.npz"
        if is_chief:
            checkpoint.prune(checkpoint_folder, name, keep=checkpoint_path)
        print(f"{name}: {run.model.count_params():,} parameters, {policy} ({policy_reason})")
        print(f"{name}: strategy: {strategy_used}; cache: {batches.cached}", flush=True)
        if run.resume(checkpoint_path, strategy):
            print(f"{name}: resuming after epoch {len(run.history)} of an interrupted run")

        if unknown := unknown_classes(params.loss.class_weights, batches.spec.class_names):
            print(f"{name}: class_weights of {', '.join(unknown)}: no such class; not used")
        train_step = step.training_step(run, params, objective, strategy)
        validation_step = step.validation_step(run, objective, strategy)
        epochs = []
        while not run.is_done(params):
            epoch, start = len(run.history), time.perf_counter()
            row = train_epoch(
                train_step, run, batches, epoch, f"{name} {epoch + 1}/{params.epochs}"
            )
            rate = batches.steps * params.batch_size / (time.perf_counter() - start)
            row |= validate(validation_step, run, batches)
            run.add_epoch(row)
            if is_chief:
                run.save(checkpoint_path)
                write_csv(curve_path, pd.DataFrame(run.history))
            seconds = time.perf_counter() - start
            epochs.append({"epoch": epoch + 1, "seconds": seconds, "images_per_second": rate})
            print(_epoch_line(name, row, params.epochs), f" {seconds:.0f} s", flush=True)

    if not is_chief:
        return None
    write_csv(curve_path, pd.DataFrame(run.history))
    run.save_best_model(model_path, batches.spec)
    checkpoint_path.unlink(missing_ok=True)
    best = run.history[run.best_epoch()]
    print(f"{name}: kept epoch {best['epoch']}, val_mean IoU {best['val_mean_iou']:.4f}")
    found = [device.name for device in tf.config.list_logical_devices()]
    return {"devices": found, "strategy": strategy_used, "precision": policy, "epochs": epochs}


def train_epoch(
    train_step: Callable, run: state.State, batches: Batches, epoch: int, label: str
) -> dict:
    """Trains an epoch; returns the first part of its learning curve row."""
    schedule = Schedule(batches.params, batches.steps)
    losses, matrices = [], []
    progress = tqdm(
        batches.training_epoch(epoch), label, batches.steps, unit="batch", disable=None, leave=False
    )
    for index, (images, masks) in enumerate(progress):
        update = epoch * batches.steps + index
        set_learning_rate(run.groups, rate := schedule.learning_rate(update))
        decay = tf.constant(schedule.ema_decay(update), tf.float32)
        with step.report_not_finite(f"epoch {epoch + 1}, step {index + 1}"):
            loss, counts = train_step(images, masks, decay)
        losses.append(float(loss))
        matrices.append(counts.numpy())
        progress.set_postfix(loss=losses[-1], refresh=False)
    counts = scores.counts(np.sum(matrices, axis=0))
    return {
        "epoch": epoch + 1,
        "learning_rate": rate,
        "loss": sum(losses) / batches.steps,
        "pixel_accuracy": float(scores.pixel_accuracy(counts)),
        "mean_iou": float(scores.mean_iou(counts)),
    }


def validate(validation_step: Callable, run: state.State, batches: Batches) -> dict:
    """Returns the rest of the row: loss and scores of averaged weights."""
    if not batches.params.ema_decay:
        run.averaged.set_weights(run.model.get_weights())
    losses, matrices = [], []
    for images, masks, counted in batches.validation_pass():
        with step.report_not_finite(f"the validation of epoch {len(run.history) + 1}"):
            loss, counts = validation_step(images, masks, counted)
        losses.append(float(loss))
        matrices.append(counts.numpy())
    counts = scores.counts(np.sum(matrices, axis=0))
    return {
        "val_loss": sum(losses) / batches.validation.count,
        "val_pixel_accuracy": float(scores.pixel_accuracy(counts)),
        "val_mean_iou": float(scores.mean_iou(counts)),
    }


def _epoch_line(name: str, row: dict, epochs: int) -> str:
    return (
        f"{name}: epoch {row['epoch']}/{epochs}"
        f"  loss {row['loss']:.4f}  val_loss {row['val_loss']:.4f}"
        f"  mean IoU {row['mean_iou']:.4f}  val_mean IoU {row['val_mean_iou']:.4f}"
    )
