"""The steps of the Dockerfile, run in a new environment and folder, give a working service.

No container is built, because that needs a registry of images.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from petseg.core import yaml12
from tests.helpers import ROOT
from tests.helpers.images import CHELSEA
from tests.helpers.local_server import OPENER, free_ports

LINES = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
STEPS = [tuple(line.split(maxsplit=1)) for line in LINES if line and not line.startswith("#")]
FILES = sorted([ROOT / "Dockerfile", ROOT / ".devcontainer/Dockerfile"])


def only(kind: str) -> str:
    """Returns the arguments of the one instruction of a kind."""
    (found,) = (rest for name, rest in STEPS if name == kind)
    return found


def copies() -> list[tuple[list[str], str]]:
    """Returns the paths that each COPY takes from the project, and its target."""
    found = [rest.split() for name, rest in STEPS if name == "COPY" and "--from" not in rest]
    return [(paths, target) for *paths, target in found]


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_dockerfiles_pass_hadolint(file):
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    if not hadolint:
        pytest.skip("hadolint has no wheel for this machine")
    done = subprocess.run([hadolint, str(file)], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_copied_paths_exist_and_are_not_ignored():
    shown = (ROOT / ".dockerignore").read_text().splitlines()
    for path in (path for paths, _ in copies() for path in paths):
        assert (ROOT / path).exists()
        assert f"!{path}" in shown


def test_service_runs_as_a_user_without_a_name():
    assert re.fullmatch(r"\d{5}:\d{5}", only("USER"))


def test_compose_service_is_read_only_and_local():
    (service,) = yaml12.read(ROOT / "compose.yaml")["services"].values()
    assert service["read_only"] is True and service["cap_drop"] == ["ALL"]
    assert service["ports"] == ["127.0.0.1:7860:7860"]
    assert service["environment"]["PETSEG_TOKEN"].startswith("${PETSEG_TOKEN:?")


def test_devcontainer_is_set_up_by_make():
    about = json.loads((ROOT / ".devcontainer/devcontainer.json").read_text())
    assert about["postCreateCommand"] == "make setup"
    assert (ROOT / ".devcontainer" / about["build"]["dockerfile"]).is_file()


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """Installs what the Dockerfile installs at /opt/petseg."""
    source = tmp_path_factory.mktemp("container") / "source"
    source.mkdir()
    for paths, target in copies():
        for path in paths:
            if (ROOT / path).is_dir():
                skipped = shutil.ignore_patterns("__pycache__")
                shutil.copytree(ROOT / path, source / target, ignore=skipped)
            else:
                shutil.copy(ROOT / path, source / target)
    target = source.parent / "petseg"
    command = only("RUN").replace("/opt/petseg", str(target))
    command = command.replace("python -m venv", f"{shlex.quote(sys.executable)} -m venv")
    subprocess.run(["sh", "-c", command], cwd=source, check=True, capture_output=True)
    return target


@pytest.mark.slow
def test_service_is_healthy_and_writes_nothing(installed, tmp_path):
    port = str(*free_ports(1))
    environment = {"PATH": f"{installed}/bin:{os.environ['PATH']}", "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"TMPDIR": str(tmp_path / "missing"), "HOME": str(tmp_path / "missing")}
    entry = json.loads(only("ENTRYPOINT"))
    assert entry[entry.index("--host") + 1] == "0.0.0.0"
    process = subprocess.Popen(
        [f"{installed}/bin/{entry[0]}", *entry[1:], "--host", "127.0.0.1", "--port", port],
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert f":{port} " in process.stdout.readline()
        check = json.loads(only("HEALTHCHECK").partition(" CMD ")[2])
        assert f":{only('EXPOSE')}/healthz" in check[-1]
        check[-1] = check[-1].replace(only("EXPOSE"), port)
        check[0] = f"{installed}/bin/{check[0]}"
        assert subprocess.run(check, env=environment).returncode == 0
        address = f"http://127.0.0.1:{port}/v1/segment"
        answer = OPENER.open(address, CHELSEA.read_bytes(), timeout=60)
        assert json.load(answer)["shares"]["pet"] > 0.5
    finally:
        process.terminate()
        assert process.wait(timeout=30) == 0
        process.stdout.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_image_contains_no_tensorflow(installed):
    names = {path.name for path in (installed / "lib").rglob("site-packages/*")}
    assert "petseg" in names and "fastapi" in names
    assert not names & {"tensorflow", "keras", "gradio", "dvc"}
