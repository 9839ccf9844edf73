"""The network that is used where nobody names one."""

from pathlib import Path

from petseg.core import paths
from petseg.core.errors import PetsegError
from petseg.core.files import file_sha256, read_json

EXPORTED = Path("exported")
QUICKEST = "float16.tflite"
"""Of the exported files."""
REPORT = "report.json"
_PLACES = Path(__file__).parents[1] / "pretrained", Path(__file__).parents[2] / "pretrained"
"""In an installed package, and in a checkout."""


def find(network: str = paths.NETWORKS[0]) -> Path:
    """A network that was trained here, as its quickest export where there is one; else the one
    that comes with petseg.

    PetsegError where there is neither.
    """
    trained = paths.model(network)
    if not trained.is_file():
        return pretrained(network)
    exported = EXPORTED / network
    return exported / QUICKEST if _is_export_of(trained, exported) else trained


def pretrained(network: str) -> Path:
    """The network that comes with petseg; PetsegError where it does not."""
    for folder in _PLACES:
        if (path := folder / f"{network}.tflite").is_file():
            return path
    trained = paths.model(network)
    raise PetsegError(f"{trained} not found, nor does petseg come with it; {_WAYS}")


def require(path: Path) -> None:
    """PetsegError where the file, or folder, of a network is missing."""
    if not path.exists():
        raise PetsegError(f"{path} not found: {_WAYS}")


_WAYS = (
    "train the networks with `dvc repro`, bring back the last ones with `dvc checkout`, fetch "
    "those of others with `dvc pull`, or name one with --model"
)


def _is_export_of(trained: Path, exported: Path) -> bool:
    if not (exported / QUICKEST).is_file() or not (exported / REPORT).is_file():
        return False
    return read_json(exported / REPORT).get("model_sha256") == file_sha256(trained)
