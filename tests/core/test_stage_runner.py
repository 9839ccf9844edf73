"""The start and end of every stage: --help, error messages, exit codes, run reports."""

import signal
import subprocess
from pathlib import Path

import pytest

from petseg.core import stage_runner
from petseg.core.errors import PetsegError
from petseg.core.files import read_json
from petseg.core.paths import run_report
from tests.helpers.processes import run_python


@pytest.fixture
def run(tmp_path):
    """Runs a stage `feed` in `tmp_path`. Its `main` is one line of code."""

    def run(body: str, *arguments: str) -> subprocess.CompletedProcess:
        script = (
            "from petseg.core import stage_runner\n"
            "from petseg.core.errors import PetsegError\n"
            f"def main():\n    {body}\n"
            "stage_runner.parse_arguments('feed', 'Feeds the cat.\\n\\nTwice a day.')\n"
            "stage_runner.run(main, 'feed')"
        )
        return run_python("-c", script, *arguments, folder=tmp_path)

    return run


def test_successful_stage_writes_run_report(run, tmp_path):
    done = run("print('fed'); return {'bowls': 2}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "fed\n", "")
    report = read_json(tmp_path / run_report("feed"))
    assert report.keys() == {"seconds", "peak_memory_mib", "bowls"}
    assert 0 <= report["seconds"] < 60
    assert report["peak_memory_mib"] > 1
    assert report["bowls"] == 2


def test_stage_that_returns_empty_dict_has_run_report(run, tmp_path):
    assert run("return {}").returncode == 0
    assert read_json(tmp_path / run_report("feed")).keys() == {"seconds", "peak_memory_mib"}


def test_stage_that_returns_none_has_no_run_report(run, tmp_path):
    """A worker other than the chief must not write the report."""
    assert run("print('fed')").returncode == 0
    assert not any(tmp_path.iterdir())


def test_help_prints_description_without_running_the_stage(run, tmp_path):
    done = run("print('fed'); return {}", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "python -m stages.feed" in done.stdout
    assert "Feeds the cat.\n\nTwice a day." in done.stdout
    assert "fed\n" not in done.stdout
    assert not any(tmp_path.iterdir())


def test_unknown_argument_is_refused(run):
    done = run("print('fed')", "--fast")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unrecognized arguments: --fast" in done.stderr


def test_petseg_error_prints_message_without_traceback(run, tmp_path):
    done = run("raise PetsegError('the bowl is empty;\\nfill it')")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the bowl is empty;\nfill it\n"
    assert not any(tmp_path.iterdir())


def test_other_error_keeps_its_traceback(run):
    done = run("raise ValueError('a bug')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_ctrl_c_exits_with_130_and_says_how_to_continue(run, tmp_path):
    done = run("raise KeyboardInterrupt")
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "\nstopped; run the same command again to go on\n"
    assert not any(tmp_path.iterdir())


def test_ctrl_c_during_imports_prints_the_same_message():
    """The signal arrives when the import of TensorFlow begins."""
    script = (
        "import builtins, os, runpy, signal\n"
        "def watched(name, *rest, load=builtins.__import__, **options):\n"
        "    if name == 'tensorflow':\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "    return load(name, *rest, **options)\n"
        "builtins.__import__ = watched\n"
        "runpy.run_module('stages.preprocess', run_name='__main__', alter_sys=True)\n"
    )
    done = run_python("-c", script)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "")
    assert done.stderr == "\nstopped; run the same command again to go on\n"


def test_error_during_imports_keeps_its_traceback():
    script = "import stages; raise ValueError('a bug')"
    done = run_python("-c", script)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "a bug" in done.stderr


def test_running_threads_do_not_delay_the_exit(run):
    begin = "import threading; threading.Thread(target=threading.Event().wait).start()"
    assert run(f"{begin}; raise PetsegError('no')").returncode == 1


def test_missing_dep_is_reported_unless_it_has_a_parameter(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stage_runner.require_inputs("download")  # without a dvc.yaml, as for a script alone
    Path("dvc.yaml").write_text(
        'stages: {download: {deps: ["datasets/${dataset.name}", code]}}\n', encoding="utf-8"
    )
    with pytest.raises(PetsegError, match=r"^code missing; run: dvc repro download$"):
        stage_runner.require_inputs("download")
    Path("code").mkdir()
    stage_runner.require_inputs("download")
