"""The scripts of `petseg completion`, and what bash proposes."""

import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from petseg.__main__ import COMMANDS
from petseg.app import completion
from tests.helpers.commands import exit_code
from tests.helpers.processes import run_python

BASH = shutil.which("bash")
needs_bash = pytest.mark.skipif(
    sys.platform == "win32" or BASH is None, reason="needs bash with programmable completion"
)

PROPOSE = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
$(complete -p petseg | sed -E 's/.* -F ([^ ]+) .*/\\1/')
printf '%s\\n' "${COMPREPLY[@]}"
"""
"""Calls the function that `complete` registered, as bash does when Tab is pressed."""


def script(shell: str, capsys) -> str:
    assert exit_code(completion.main, shell) == 0
    return capsys.readouterr().out


@pytest.fixture
def propose(tmp_path, capsys):
    """Returns what bash proposes for a last word in an empty folder."""
    path = tmp_path / "petseg.bash"
    path.write_text(script("bash", capsys), encoding="utf-8")
    folder = tmp_path / "work"
    folder.mkdir()

    def run(line: str) -> set[str]:
        words = shlex.split(line) + [""] * line.endswith(" ")
        done = subprocess.run(
            [BASH, "--norc", "-c", PROPOSE, "bash", path, *words],
            cwd=folder,
            capture_output=True,
            text=True,
            check=True,
        )
        return set(done.stdout.split())

    run.folder = folder
    return run


@needs_bash
def test_bash_script_is_valid(tmp_path, capsys):
    path = tmp_path / "petseg.bash"
    path.write_text(script("bash", capsys), encoding="utf-8")
    done = subprocess.run([BASH, "-n", path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


@needs_bash
def test_bash_completes_commands_and_root_options(propose):
    assert propose("petseg ") == set(COMMANDS)
    assert propose("petseg pre") == {"predict"}
    assert propose("petseg --") == {"--help", "--version"}


@needs_bash
def test_bash_completes_options_of_a_command(propose):
    assert propose("petseg compare --") == {"--help", "--groups", "--resamples", "--seed", "--json"}
    assert propose("petseg predict --mo") == {"--model"}
    assert propose("petseg predict cat.jpg --flip --cut") == {"--cutout"}


@needs_bash
def test_bash_completes_choices(propose):
    assert propose("petseg predict --format ") == {"jpeg", "png", "webp"}
    assert propose("petseg completion z") == {"zsh"}
    assert propose("petseg export --formats onnx tflite_i") == {"tflite_int8"}


@needs_bash
def test_bash_completes_files_and_folders(propose):
    (propose.folder / "unet.keras").touch()
    (propose.folder / "images").mkdir()
    assert propose("petseg predict --model u") == {"unet.keras"}
    assert propose("petseg predict ") == {"unet.keras", "images"}
    assert propose("petseg inspect ") == {"images"}
    assert propose("petseg predict --out ") == {"images"}


@pytest.mark.parametrize("shell", ["zsh", "tcsh"])
def test_other_shells_get_commands_and_options(shell, capsys):
    printed = script(shell, capsys)
    assert all(name in printed for name in COMMANDS)
    assert "temperature" in printed
    assert "tflite_int8" in printed


@pytest.mark.skipif(shutil.which("zsh") is None, reason="needs zsh")
def test_zsh_script_is_valid(tmp_path, capsys):
    path = tmp_path / "_petseg"
    path.write_text(script("zsh", capsys), encoding="utf-8")
    done = subprocess.run(["zsh", "-n", path], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_unknown_shell_is_refused(capsys):
    assert exit_code(completion.main, "cmd.exe") == 2
    assert "invalid choice: 'cmd.exe'" in capsys.readouterr().err


def test_every_path_argument_completes_paths():
    (commands,) = completion.whole_parser()._subparsers._group_actions
    for name, parser in commands.choices.items():
        for action in parser._actions:
            if action.type is Path:
                assert action.metavar in completion.PATHS, (name, action.dest)
                assert hasattr(action, "complete")


WITHOUT = """
import sys
for package in ("pandas", "dvc", "tensorflow", "keras"):
    sys.modules[package] = None  # as if it were not installed
from petseg.__main__ import main
main(["completion", "bash"])
"""


def test_base_package_completes_names_of_commands_it_cannot_run():
    done = run_python("-c", WITHOUT)
    assert (done.returncode, done.stderr) == (0, "")
    assert "--temperature" in done.stdout and "compare" in done.stdout
    assert "--resamples" not in done.stdout
