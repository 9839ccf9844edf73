"""Ranks images by how likely their masks are wrong."""

import math
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import keras
import numpy as np
import pandas as pd
from tqdm import tqdm

from petseg import records
from petseg.core import paths
from petseg.core.dataset_spec import DatasetSpec
from petseg.core.params import Params
from petseg.core.training_params import Training
from petseg.evaluation import folds, inference, label_quality
from petseg.models import shallow, unet
from petseg.models.encoders import storage
from petseg.training import loop

LEAST_UPDATES = 400
"""Updates in a training: enough for most of what both networks can learn."""

HOME = Path(".petseg/labels")
BATCH = 32
"""Images scored at a time."""


class Judged(NamedTuple):
    """An image, its mask, and logits of a network not trained on it."""

    image: np.ndarray
    mask: np.ndarray
    logits: np.ndarray


class Ranking(NamedTuple):
    """Rows, the worst first: name, fold, position in the fold, label_quality.

    `judged` returns a row's image by its place.
    """

    spec: DatasetSpec
    rows: pd.DataFrame
    judged: Callable[[int], Judged]


def rank(params: Params, network: str, count: int, epochs: int | None) -> Ranking:
    """Ranks images by networks, each trained without one of `count` folds.

    `epochs` None means LEAST_UPDATES. Resumes an interrupted run after its last epoch. Raises
    PetsegError without records or cleanlab.
    """
    label_quality.require()
    records.verify(paths.RECORDS, folds.SPLITS)
    spec, names = records.spec(paths.RECORDS), folds.names(paths.RECORDS)
    fold_of = folds.assign(names, count, params.seed)
    section = getattr(params, f"train_{network}")
    if epochs is None:
        of_epoch = math.ceil(len(names) * (count - 1) / count / section.batch_size)
        epochs = math.ceil(LEAST_UPDATES / of_epoch)
        print(f"{count} trainings of {epochs} epochs")
    section = _short(section, epochs)
    runs, tables = [], []
    for fold in range(count):
        folder = HOME / f"fold-{fold}"
        folds.write_fold(paths.RECORDS, folder / "records", fold_of, fold)
        print(f"fold {fold + 1} of {count}", flush=True)
        _train(network, params, section, folder)
        model = inference.load_trained(network, folder / f"{network}.keras", spec)
        runs.append(inference.runner(model))
        tables.append(_judge(runs[-1], folder / "records", fold))
        keras.backend.clear_session()
    rows = pd.concat(tables).sort_values(["label_quality", "name"], ignore_index=True)
    return Ranking(spec, rows, partial(_judged, rows, runs))


def _judged(rows: pd.DataFrame, runs: list[Callable], place: int) -> Judged:
    row = rows.iloc[place]
    held_out = records.on_disk(HOME / f"fold-{row['fold']}" / "records", "validation")
    (image,), (mask,) = held_out.fetch(np.array([row["position"]]))
    (logits,) = runs[row["fold"]](image[None])
    return Judged(image, mask, logits)


def _short(section: Training, epochs: int) -> Training:
    """Returns parameters for few epochs, at most a third without geometry."""
    changed = {
        "epochs": epochs,
        "early_stopping_patience": 0,
        "final_epochs_without_geometry": min(section.final_epochs_without_geometry, epochs // 3),
    }
    return section.model_copy(update=changed)


def _train(network: str, params: Params, section: Any, folder: Path) -> None:
    size, classes = params.image_size, len(records.spec(paths.RECORDS).classes)
    groups = {}
    if network == "unet":
        encoder = storage.stored_encoder(paths.ENCODER)
        unet.require_usable(size, section, encoder)
        build = partial(unet.build, size, classes, section, encoder)
        groups["scaled_groups"] = partial(unet.scaled_groups, params=section)
    else:
        build = partial(shallow.build, size, classes, section)
    loop.train(
        network,
        build,
        section,
        machine=params.machine,
        seed=params.seed,
        records_folder=folder / "records",
        model_path=folder / f"{network}.keras",
        curve_path=folder / "learning_curve.csv",
        checkpoint_folder=folder / "checkpoints",
        **groups,
    )


def _judge(run: Callable, folder: Path, fold: int) -> pd.DataFrame:
    """Returns a row per held-out example."""
    held_out = records.on_disk(folder, "validation")
    qualities = []
    starts = range(0, held_out.count, BATCH)
    for start in tqdm(starts, "judge", unit="batch", disable=None):
        indices = np.arange(start, min(start + BATCH, held_out.count))
        images, masks = held_out.fetch(indices)
        qualities.append(label_quality.scores(run(images), masks)[0])
    table = records.index(folder, "validation")[["name"]]
    return table.assign(
        fold=fold, position=range(len(table)), label_quality=np.concatenate(qualities)
    )
