"""Measures this project against the common tutorial recipe, in turn, and prints the ratios."""

import argparse
import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path

from benchmarks import measure, nothing_to_do, pets
from benchmarks.measure import Comparison
from petseg.core.files import write_json

RESULTS = Path("benchmarks") / "results.json"


def _command(module: str, *arguments: str) -> list[str]:
    return [sys.executable, "-m", f"benchmarks.{module}", *arguments]


COMPARISONS = {
    "frozen": Comparison(
        "U-Net training, encoder frozen",
        "images/s",
        _command("theirs", "training", "--frozen"),
        _command("training", "--fine-tune-from", "frozen"),
    ),
    "fine_tuned": Comparison(
        "U-Net training, encoder trained as in params.yaml",
        "images/s",
        _command("theirs", "training"),
        _command("training"),
    ),
    "whole": Comparison(
        "U-Net training, whole encoder trained",
        "images/s",
        _command("theirs", "training"),
        _command("training", "--fine-tune-from", "stem"),
    ),
    "frozen_float32": Comparison(
        "U-Net training, encoder frozen, float32",
        "images/s",
        _command("theirs", "training", "--frozen"),
        _command("training", "--fine-tune-from", "frozen", "--precision", "float32"),
    ),
    "fine_tuned_float32": Comparison(
        "U-Net training, encoder trained as in params.yaml, float32",
        "images/s",
        _command("theirs", "training"),
        _command("training", "--precision", "float32"),
    ),
    "preprocessing": Comparison(
        "preprocessing, against a plain loop",
        "images/s",
        _command("preprocessing", "plain"),
        _command("preprocessing", "ours"),
    ),
    "decoding": Comparison(
        "preprocessing, against decoding alone",
        "images/s",
        _command("preprocessing", "decoding"),
        _command("preprocessing", "ours"),
    ),
    "evaluation": Comparison(
        "evaluation, against model.predict",
        "images/s",
        _command("theirs", "evaluation"),
        _command("evaluation"),
    ),
    "predict_one": Comparison(
        "petseg predict, one photograph of 12 megapixels, against the same network in Keras",
        "s",
        _command("prediction", "one", "--format", "keras"),
        _command("prediction", "one"),
    ),
    "predict_many": Comparison(
        "petseg predict, 100 photographs, against the same network in Keras",
        "images/s",
        _command("prediction", "many", "--format", "keras"),
        _command("prediction", "many"),
    ),
    "predict_floor": Comparison(
        "petseg predict, 100 photographs, against decoding and writing alone",
        "images/s",
        _command("prediction", "floor"),
        _command("prediction", "many"),
    ),
    "nothing_to_do": Comparison(
        "dvc repro with nothing to do, against an empty pipeline",
        "s",
        _command("nothing_to_do", "empty"),
        _command("nothing_to_do", "ours"),
    ),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each side (default: 3)")
    parser.add_argument("--only", nargs="+", choices=COMPARISONS, default=list(COMPARISONS))
    options = parser.parse_args()
    if "nothing_to_do" in options.only:
        nothing_to_do.require_demo()
    pets.encoder_weights()
    results: dict[str, dict] = {}
    for name in options.only:
        try:
            results[name] = measure.compare(COMPARISONS[name], options.rounds)
        except RuntimeError as error:
            sys.exit(f"error: {error}")
        # After each comparison, because a later one may fail or be interrupted.
        content = {"machine": _machine(), "rounds": options.rounds, "results": results}
        write_json(RESULTS, content)
    print(measure.table(list(results.values())))
    print(f"\nthe same as JSON: {RESULTS}")


def _machine() -> dict:
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "processor": _processor(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("tensorflow", "keras", "dvc")},
    }


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor()


if __name__ == "__main__":
    main()
