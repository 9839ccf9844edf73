"""Every stage starts and ends alike: --help, one clear error, an exit code, and what it cost."""

import signal
import subprocess
import sys

import pytest

from petseg.files import read_json
from tests.helpers import ROOT


@pytest.fixture
def run(tmp_path):
    """Runs a command whose `main` is one line, with command line arguments."""

    def run(body: str, *arguments: str) -> subprocess.CompletedProcess:
        script = (
            "from pathlib import Path\n"
            "from petseg import cli\n"
            "from petseg.errors import PetsegError\n"
            f"def main():\n    {body}\n"
            f"cli.run(main, 'Feeds the cat.\\n\\nTwice a day.', Path({str(tmp_path / 'cost')!r}))"
        )
        command = [sys.executable, "-c", script, *arguments]
        return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)

    return run


def test_a_command_that_succeeds_prints_its_own_words_and_writes_what_it_cost(run, tmp_path):
    done = run("print('fed'); return {'bowls': 2}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "fed\n", "")
    cost = read_json(tmp_path / "cost")
    assert cost.keys() == {"seconds", "peak_memory_mib", "bowls"}
    assert 0 <= cost["seconds"] < 60
    assert cost["bowls"] == 2


def test_a_command_need_not_tell_anything_of_itself(run, tmp_path):
    assert run("pass").returncode == 0
    assert read_json(tmp_path / "cost").keys() == {"seconds", "peak_memory_mib"}


def test_help_tells_what_the_command_does_and_does_not_do_it(run, tmp_path):
    done = run("print('fed')", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Feeds the cat.\n\nTwice a day." in done.stdout
    assert "fed\n" not in done.stdout
    assert not (tmp_path / "cost").exists()


def test_an_unknown_argument_is_refused(run):
    done = run("print('fed')", "--fast")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unrecognized arguments: --fast" in done.stderr


def test_an_error_of_the_user_is_one_message_without_traceback(run, tmp_path):
    done = run("raise PetsegError('the bowl is empty;\\nfill it')")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the bowl is empty;\nfill it\n"
    assert not (tmp_path / "cost").exists()


def test_an_error_of_the_programmer_keeps_its_traceback(run):
    done = run("raise ValueError('a bug')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_ctrl_c_stops_with_130_and_says_how_to_go_on(run, tmp_path):
    done = run("raise KeyboardInterrupt")
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "\nstopped; run the same command again to go on\n"
    assert not (tmp_path / "cost").exists()


def test_ctrl_c_among_the_imports_of_a_stage_is_as_clear():
    """Sent when TensorFlow's import begins."""
    script = (
        "import builtins, os, runpy, signal\n"
        "def watched(name, *rest, load=builtins.__import__, **options):\n"
        "    if name == 'tensorflow':\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return load(name, *rest, **options)\n"
        "builtins.__import__ = watched\n"
        "runpy.run_module('stages.preprocess', run_name='__main__', alter_sys=True)\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "")
    assert done.stderr == "\nstopped; run the same command again to go on\n"


def test_another_error_of_a_stage_keeps_its_traceback():
    script = "import stages; raise ValueError('a bug')"
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "a bug" in done.stderr


def test_threads_under_way_do_not_hold_up_the_end(run):
    begin = "import threading; threading.Thread(target=threading.Event().wait).start()"
    assert run(f"{begin}; raise PetsegError('no')").returncode == 1
