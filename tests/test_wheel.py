"""The wheel contains the commands and the trained networks, and does not need TensorFlow."""

import email
import json
import os
import re
import zipfile
from pathlib import Path

import pytest
from hatchling.build import build_wheel

from petseg.core import paths
from tests.helpers import ROOT
from tests.helpers.commands import exit_code
from tests.helpers.images import CHELSEA
from tests.helpers.processes import run_python

SPEC = ROOT / paths.dataset_file("oxford_iiit_pet")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder, here = tmp_path_factory.mktemp("wheel"), Path.cwd()
    try:
        os.chdir(ROOT)
        return folder / build_wheel(str(folder))
    finally:
        os.chdir(here)


def test_wheel_contains_only_the_package_and_the_trained_networks(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {Path(name).parts[0] for name in names} == {"petseg", "petseg-0.1.0.dist-info"}
    assert {f"petseg/pretrained/{network}.tflite" for network in paths.NETWORKS} <= set(names)
    assert {"petseg/pretrained/README.md", "petseg/pretrained/dataset.json"} <= set(names)
    assert not [name for name in names if "__pycache__" in name]


def test_base_install_does_not_need_tensorflow(wheel):
    with zipfile.ZipFile(wheel) as archive:
        text = archive.read("petseg-0.1.0.dist-info/METADATA").decode()
    needed = email.message_from_string(text).get_all("Requires-Dist")
    always = {re.match(r"[\w.-]+", one)[0] for one in needed if "extra ==" not in one}
    assert always == {
        *("ai-edge-litert", "filelock", "numpy", "pillow", "platformdirs", "pycocotools"),
        *("pydantic", "ruamel-yaml", "shtab", "tqdm"),
    }


def test_pretrained_network_is_used_if_none_was_trained(wheel, tmp_path):
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    command = ["-m", "petseg", "predict", "--json", "--cutout", CHELSEA]
    done = run_python(*command, folder=tmp_path, PYTHONPATH=str(tmp_path / "site"))
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
def test_missing_package_of_a_command_is_named(package, command, tmp_path):
    (tmp_path / "unet.keras").touch()
    arguments = [] if command == "compare" else ["--model", "unet.keras", "--dataset", SPEC]
    done = run_python("-c", WITHOUT, package, command, *arguments, folder=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"error: petseg {command} needs more packages, {package} among them: pip install "
        "'petseg[train]', or in a clone: make setup\n"
    )


def test_version_is_printed(capsys):
    from petseg.__main__ import main

    assert exit_code(main, "--version") == 0
    assert re.fullmatch(r"petseg \d+\.\d+\.\d+\n", capsys.readouterr().out)
