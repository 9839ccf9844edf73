"""Where each stage reads and writes, relative to the project's root; dvc.yaml says the same."""

import os
from pathlib import Path

import platformdirs

PARAMS = Path("params.yaml")

DATASETS = Path("datasets")

RAW = Path("data/raw")
RAW_DATASET = RAW / "dataset"
ENCODER = RAW / "encoder"
PROVENANCE = RAW / "provenance.json"

RECORDS = Path("data/records")
DATASET_REPORT = Path("data/dataset_report")
DATASET_TABLES = Path("plots/dataset")
CHECKPOINTS = Path(".petseg/checkpoints")
BLOCKS = Path(".petseg/blocks")
"""Of a preprocessing by Beam, until its records are whole."""

CACHE_VARIABLE = "PETSEG_CACHE_DIR"

NETWORKS = ("unet", "shallow")
"""The networks under comparison, in the order in which tables and figures show them."""

PER_IMAGE = Path("data/per_image.csv")
CONFUSION = {name: Path(f"plots/confusion_{name}.csv") for name in NETWORKS}
CALIBRATION = {name: Path(f"plots/calibration_{name}.csv") for name in NETWORKS}
PER_GROUP = Path("plots/per_group.csv")

COMPARISON = Path("metrics/comparison.json")

SAMPLES_FIGURE = Path("plots/samples.png")
LEARNING_CURVES_FIGURE = Path("plots/learning_curves.png")
PREDICTIONS_FIGURE = Path("plots/predictions.png")
HARDEST_FIGURE = Path("plots/hardest.png")
CONFUSION_FIGURE = Path("plots/confusion.png")
SCORES_FIGURES = Path("plots/scores")
CALIBRATION_FIGURE = SCORES_FIGURES / "calibration.png"
COMPARISON_FIGURE = SCORES_FIGURES / "comparison.png"
PER_GROUP_FIGURE = SCORES_FIGURES / "per_group.png"
"""Only where the dataset has groups."""


def dataset_file(name: str) -> Path:
    """What describes a dataset: its classes, and where its images and masks come from."""
    return DATASETS / name / "dataset.yaml"


def user_cache() -> Path:
    """What stays from run to run, outside all clones and everything that DVC deletes.

    The folder that PETSEG_CACHE_DIR names, by default where the system keeps such things:
    ~/.cache/petseg on Linux.
    """
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser() if named else platformdirs.user_cache_path("petseg")


def run_report(stage: str) -> Path:
    """What the last run of a stage took: seconds, memory, and what else the stage reports."""
    return Path(f"data/run_reports/{stage}.json")


def model(network: str) -> Path:
    """The trained model of a network."""
    return Path(f"models/{network}.keras")


def learning_curve(network: str) -> Path:
    """A row an epoch: losses and scores of a network in training."""
    return Path(f"plots/learning_curve_{network}.csv")


def metrics(name: str) -> Path:
    """The scores of a network, or of the baseline, on the test split."""
    return Path(f"metrics/{name}.json")
