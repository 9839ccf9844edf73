"""Subsets of a split, scored separately: text files with one image name per line."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from petseg.core.errors import PetsegError


def read_subsets(
    files: Sequence[str], names: pd.Series, split: str = "test"
) -> dict[str, np.ndarray]:
    """Returns which images of a split each file lists: bool (N,), by the file's stem.

    Ignores names not in `names`, empty lines and comments (#). Raises PetsegError if a file cannot
    be read or lists no image of the split.
    """
    return {Path(file).stem: _members(Path(file), names, split) for file in files}


def _members(file: Path, names: pd.Series, split: str) -> np.ndarray:
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise PetsegError(f"the subset {file} cannot be read: {error}") from None
    listed = {line.partition("#")[0].strip() for line in lines} - {""}
    found = names.isin(listed).to_numpy()
    if not found.any():
        raise PetsegError(
            f"the subset {file} lists no image of the {split} split, such as {names.iloc[0]}"
        )
    print(f"subset {file.stem}: {found.sum():,} of {len(names):,} {split} images")
    return found
