"""Batches of a training run, shared by all replicas."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import tensorflow as tf

from petseg import records
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.training_params import Training
from petseg.records import cache
from petseg.records.augmentation import without_geometry
from petseg.records.batches import evaluation_batches, training_batches

SPLITS = ("train", "validation")


class Batches(NamedTuple):
    """A run's training and validation data."""

    train: records.Source
    validation: records.Source
    params: Training
    seed: int
    strategy: tf.distribute.Strategy
    manifest: dict
    spec: DatasetSpec
    cached: str

    @property
    def steps(self) -> int:
        """Updates per epoch."""
        return self.train.count // self.params.batch_size

    def training_epoch(self, epoch: int) -> Iterable:
        """Returns (images, masks), see `records.batches.training_batches`."""
        geometry = epoch < self.params.epochs - self.params.final_epochs_without_geometry
        augmentation = self.params.augmentation
        return self._shared(
            training_batches,
            self.train,
            seed=self.seed,
            epoch=epoch,
            augmentation=augmentation if geometry else without_geometry(augmentation),
        )

    def validation_pass(self) -> Iterable:
        """Returns (images, masks, counted), see `records.batches.evaluation_batches`."""
        return self._shared(evaluation_batches, self.validation)

    def _shared(self, make: Callable, source: records.Source, **options) -> Iterable:
        return self.strategy.distribute_datasets_from_function(
            lambda context: make(
                source, batch_size=self.params.batch_size, context=context, **options
            )
        )


def open_batches(
    records_folder: Path,
    params: Training,
    *,
    cache_mode: str,
    seed: int,
    strategy: tf.distribute.Strategy,
) -> Batches:
    """Opens a run's data; raises PetsegError for damaged records or an impossible cache mode."""
    manifest = records.verify(records_folder, SPLITS)
    (train, validation), cached = cache.open_splits(records_folder, SPLITS, cache_mode)
    spec = records.spec(records_folder)
    return Batches(train, validation, params, seed, strategy, manifest, spec, cached)
