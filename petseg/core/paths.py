"""The paths that stages read and write, relative to the project's root; dvc.yaml has the same."""

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
"""Intermediate files of preprocessing with Beam, until the records are complete."""

CACHE_VARIABLE = "PETSEG_CACHE_DIR"

NETWORKS = ("unet", "shallow")
"""The compared networks, in the order of tables and figures."""

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
    """Returns the path of dataset.yaml: a dataset's classes and source."""
    return DATASETS / name / "dataset.yaml"


def user_cache() -> Path:
    """Returns the folder for files that stay between runs, outside clones and DVC's outs.

    PETSEG_CACHE_DIR names it. The default is the system's cache folder: ~/.cache/petseg on Linux.
    """
    named = os.environ.get(CACHE_VARIABLE)
    return Path(named).expanduser() if named else platformdirs.user_cache_path("petseg")


def run_report(stage: str) -> Path:
    """Returns the path of a stage's last run report: seconds, memory and its own entries."""
    return Path(f"data/run_reports/{stage}.json")


def model(network: str) -> Path:
    """Returns the path of a trained network."""
    return Path(f"models/{network}.keras")


def learning_curve(network: str) -> Path:
    """Returns the path of the losses and scores in training, a row for each epoch."""
    return Path(f"plots/learning_curve_{network}.csv")


def metrics(name: str) -> Path:
    """Returns the path of the test scores of a network or of the baseline."""
    return Path(f"metrics/{name}.json")
