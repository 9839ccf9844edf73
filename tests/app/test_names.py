"""File names with any bytes: escaped in output, unchanged on disk."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg.app import commands
from tests.helpers import networks
from tests.helpers.processes import environment

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, names are text")

NAMES = (b"caf\xe9", b"two\nlines", "größe 猫".encode(), b"tab\t\x1b[31m")
SHOWN = (r"caf\xe9", r"two\nlines", "größe 猫", r"tab\t\x1b[31m")


def test_name_is_shown_on_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, shown in zip(NAMES, SHOWN, strict=True):
        path = tmp_path / "in" / os.fsdecode(name)
        assert commands.shown(path) == f"in/{shown}"
        assert commands.text(path) == "in/" + name.decode("utf-8", "backslashreplace")


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Images of such names, a broken image, and a model."""
    folder = tmp_path_factory.mktemp("names")
    model = networks.save(networks.pointwise((8, 8), 3), folder / "model.keras")
    model.rename(folder / os.fsdecode(b"m\xf6del.keras"))
    (folder / "in").mkdir()
    for name in NAMES:
        Image.fromarray(np.zeros((6, 9, 3), np.uint8)).save(
            folder / "in" / os.fsdecode(name + b".png")
        )
    (folder / "in" / os.fsdecode(b"broken\xff\n.jpg")).write_bytes(b"broken")
    return folder


def petseg(folder: Path, encoding: str, *arguments) -> tuple[str, str]:
    """Runs `petseg predict`; returns standard output and error."""
    command = [sys.executable, "-m", "petseg", "predict", "in", "--model", b"m\xf6del.keras"]
    variables = environment(PYTHONIOENCODING=encoding, LC_ALL="C")
    done = subprocess.run([*command, *arguments], cwd=folder, env=variables, capture_output=True)
    output, errors = done.stdout.decode(encoding), done.stderr.decode(encoding)
    assert done.returncode == 1 and "Traceback" not in errors
    (error,) = (line for line in errors.splitlines() if line.startswith("in/"))
    assert error == r"in/broken\xff\n.jpg: the photograph is not an image"
    return output, errors


@pytest.mark.parametrize("encoding", ["ascii", "utf-8"])
def test_table_has_a_line_for_each_name(folder, encoding):
    heads, *rows = petseg(folder, encoding)[0].splitlines()
    assert heads.startswith("image") and len(rows) == len(NAMES)
    for shown in SHOWN:
        start = f"in/{shown}.png ".encode(encoding, "backslashreplace").decode(encoding)
        assert sum(row.startswith(start) for row in rows) == 1


def test_json_is_valid_and_results_keep_the_image_names(folder):
    content = json.loads(petseg(folder, "ascii", "--json", "--out", "out")[0])
    json.dumps(content, ensure_ascii=False).encode()  # fails on a lone surrogate
    names = {entry["photograph"] for entry in content["photographs"]}
    assert names == {"in/" + name.decode("utf-8", "backslashreplace") + ".png" for name in NAMES}
    assert content["model"] == r"m\xf6del.keras"
    assert [entry["photograph"] for entry in content["failed"]] == ["in/broken\\xff\n.jpg"]
    written = {os.fsencode(path.name) for path in (folder / "out").iterdir()}
    assert written == {name + end for name in NAMES for end in (b"_labels.png", b"_overlay.jpg")}
