"""Subsets: files that list images by full names."""

import numpy as np
import pandas as pd
import pytest

from petseg.core.errors import PetsegError
from petseg.evaluation.subsets import read_subsets

NAMES = pd.Series(["a_1", "a_10", "b 2", "ä"])


def written(folder, name: str, text: str) -> str:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_subset_matches_full_names_and_ignores_unknown_ones(tmp_path, capsys):
    file = written(
        tmp_path, "sharp.txt", "# from a script\n\na_10\n b 2  # no file name\nother\nä\n"
    )
    found = read_subsets([file], NAMES)
    assert list(found) == ["sharp"]
    np.testing.assert_array_equal(found["sharp"], [False, True, True, True])
    assert capsys.readouterr().out == "subset sharp: 3 of 4 test images\n"


def test_several_subsets_or_none_can_be_read(tmp_path):
    files = [written(tmp_path, f"{name}.txt", f"{name}\n") for name in ("a_1", "a_10")]
    found = read_subsets(files, NAMES)
    assert {name: members.tolist().index(True) for name, members in found.items()} == {
        "a_1": 0,
        "a_10": 1,
    }
    assert read_subsets([], NAMES) == {}


@pytest.mark.parametrize("text", ["", "a\na_1.jpg\n", "# a_1\n"])
def test_subset_without_any_test_image_is_refused(tmp_path, text):
    file = written(tmp_path, "part.txt", text)
    with pytest.raises(
        PetsegError, match=r"part\.txt lists no image of the test split, such as a_1$"
    ):
        read_subsets([file], NAMES)


def test_unreadable_subset_is_named_in_the_error(tmp_path):
    binary = tmp_path / "binary.txt"
    binary.write_bytes(b"\xff\xfe\xfa")
    for file in ("missing.txt", tmp_path, binary):
        with pytest.raises(PetsegError, match=r"the subset .* cannot be read"):
            read_subsets([str(file)], NAMES)
