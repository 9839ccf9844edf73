"""Parts of a split that are scored by themselves: files with the name of an image a line."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from petseg.core.errors import PetsegError


def read_subsets(
    files: Sequence[str], names: pd.Series, split: str = "test"
) -> dict[str, np.ndarray]:
    """Which of a split's images, called `names`, are in each file: bool (N,), by the file's stem.

    Names of other images may stand in a file, too, and empty lines; what follows a # is a comment.
    PetsegError where a file cannot be read or names none of the images.
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
            f"the subset {file} names no image of the {split} split, whose first is {names.iloc[0]}"
        )
    print(f"subset {file.stem}: {found.sum():,} of {len(names):,} {split} images")
    return found
