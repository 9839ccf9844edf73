"""The default network."""

from pathlib import Path

from petseg.core import paths
from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256, read_json

EXPORTED = Path("exported")
QUICKEST = "float16.tflite"
"""The fastest export."""
REPORT = "report.json"
_PRETRAINED = Path(__file__).parents[1] / "pretrained", Path(__file__).parents[2] / "pretrained"
"""Folders in an installed package and in a checkout."""


def find(network: str = paths.NETWORKS[0]) -> Path:
    """Returns the network trained here, or its fastest export if current, else the pretrained one.

    Raises PetsegError if there is none.
    """
    trained = paths.model(network)
    if not trained.is_file():
        return pretrained(network)
    exported = EXPORTED / network
    return exported / QUICKEST if _is_export_of(trained, exported) else trained


def pretrained(network: str) -> Path:
    """Returns the network in petseg; raises PetsegError if missing."""
    for folder in _PRETRAINED:
        if (path := folder / f"{network}.tflite").is_file():
            return path
    trained = paths.model(network)
    raise PetsegError(f"{trained} not found, and petseg has no pretrained {network}; {_HINT}")


def require(path: Path) -> None:
    """Raises PetsegError if a network is missing."""
    if not path.exists():
        raise PetsegError(f"{path} not found: {_HINT}")


_HINT = (
    "train the networks with `dvc repro`, restore the last ones with `dvc checkout`, fetch shared "
    "ones with `dvc pull`, or name one with --model"
)


def _is_export_of(trained: Path, exported: Path) -> bool:
    if not (exported / QUICKEST).is_file() or not (exported / REPORT).is_file():
        return False
    return read_json(exported / REPORT).get("model_sha256") == file_sha256(trained)
