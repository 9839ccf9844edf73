"""What `pip install` brings: the commands and the trained networks, without TensorFlow."""

import email
import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.build import build_wheel

from petseg.core import paths
from tests.helpers import ROOT

SPEC = ROOT / paths.dataset_file("oxford_iiit_pet")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder, here = tmp_path_factory.mktemp("wheel"), Path.cwd()
    try:
        os.chdir(ROOT)
        return folder / build_wheel(str(folder))
    finally:
        os.chdir(here)


def test_it_holds_the_package_and_the_trained_networks_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {Path(name).parts[0] for name in names} == {"petseg", "petseg-0.1.0.dist-info"}
    assert {f"petseg/pretrained/{network}.tflite" for network in paths.NETWORKS} <= set(names)
    assert {"petseg/pretrained/README.md", "petseg/pretrained/dataset.json"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


def test_who_only_uses_networks_gets_no_tensorflow(wheel):
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("petseg-0.1.0.dist-info/METADATA").decode()
    needed = email.message_from_string(text).get_all("Requires-Dist")
    always = {re.match(r"[\w.-]+", one)[0] for one in needed if "extra ==" not in one}
    assert always == {
        *("ai-edge-litert", "numpy", "pillow", "platformdirs", "pycocotools", "pydantic"),
        *("ruamel-yaml", "shtab", "tqdm"),
    }


def test_its_networks_are_used_where_none_was_trained(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    command = [sys.executable, "-m", "petseg", "predict", "--json", "--cutout"]
    command.append(str(ROOT / "docs" / "images" / "chelsea.jpg"))
    variables = os.environ | {"PYTHONPATH": str(tmp_path / "site")}
    done = subprocess.run(command, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["model"] == "site/petseg/pretrained/unet.tflite"
    assert done.stderr.startswith("the network: site/petseg/pretrained/unet.tflite, of oxford_iii")
    assert (tmp_path / "predictions/chelsea_cutout.png").is_file()


WITHOUT = """
import sys
sys.modules[sys.argv[1]] = None  # as if it were not installed
from petseg.__main__ import main
main(sys.argv[2:])
"""


@pytest.mark.parametrize(
    ("package", "command"), [("pandas", "compare"), ("dvc", "compare"), ("keras", "export")]
)
def test_what_a_command_lacks_is_said(package, command, tmp_path):
    (tmp_path / "unet.keras").touch()
    arguments = [] if command == "compare" else ["--model", "unet.keras", "--dataset", str(SPEC)]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, package, command, *arguments],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == (
        f"error: petseg {command} needs more packages, {package} among them: pip install "
        "'petseg[train]', or in a clone: make setup\n"
    )


def test_the_version_is_told(capsys):
    from petseg.__main__ import main

    with pytest.raises(SystemExit) as end:
        main(["--version"])
    assert end.value.code == 0
    assert re.fullmatch(r"petseg \d+\.\d+\.\d+\n", capsys.readouterr().out)
