"""Every stage starts and ends alike: --help, one clear error, an exit code, and a run report."""

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
    """Runs a stage `feed` whose `main` is one line, with command line arguments, in `tmp_path`."""

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


def test_a_stage_that_succeeds_prints_its_own_words_and_reports_what_it_took(run, tmp_path):
    done = run("print('fed'); return {'bowls': 2}")
    assert (done.returncode, done.stdout, done.stderr) == (0, "fed\n", "")
    report = read_json(tmp_path / run_report("feed"))
    assert report.keys() == {"seconds", "peak_memory_mib", "bowls"}
    assert 0 <= report["seconds"] < 60
    assert report["peak_memory_mib"] > 1
    assert report["bowls"] == 2


def test_a_stage_need_not_tell_anything_of_itself(run, tmp_path):
    assert run("return {}").returncode == 0
    assert read_json(tmp_path / run_report("feed")).keys() == {"seconds", "peak_memory_mib"}


def test_a_stage_that_returns_none_leaves_no_report(run, tmp_path):
    """As a worker that is not the chief, which must not write what the chief writes."""
    assert run("print('fed')").returncode == 0
    assert not any(tmp_path.iterdir())


def test_help_tells_what_the_command_does_and_does_not_do_it(run, tmp_path):
    done = run("print('fed'); return {}", "--help")
    assert (done.returncode, done.stderr) == (0, "")
    assert "python -m stages.feed" in done.stdout
    assert "Feeds the cat.\n\nTwice a day." in done.stdout
    assert "fed\n" not in done.stdout
    assert not any(tmp_path.iterdir())


def test_an_unknown_argument_is_refused(run):
    done = run("print('fed')", "--fast")
    assert (done.returncode, done.stdout) == (2, "")
    assert "unrecognized arguments: --fast" in done.stderr


def test_an_error_of_the_user_is_one_message_without_traceback(run, tmp_path):
    done = run("raise PetsegError('the bowl is empty;\\nfill it')")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: the bowl is empty;\nfill it\n"
    assert not any(tmp_path.iterdir())


def test_an_error_of_the_programmer_keeps_its_traceback(run):
    done = run("raise ValueError('a bug')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_ctrl_c_stops_with_130_and_says_how_to_go_on(run, tmp_path):
    done = run("raise KeyboardInterrupt")
    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "\nstopped; run the same command again to go on\n"
    assert not any(tmp_path.iterdir())


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
    done = run_python("-c", script)
    assert (done.returncode, done.stdout) == (-signal.SIGINT, "")
    assert done.stderr == "\nstopped; run the same command again to go on\n"


def test_another_error_of_a_stage_keeps_its_traceback():
    script = "import stages; raise ValueError('a bug')"
    done = run_python("-c", script)
    assert done.returncode == 1
    assert "Traceback" in done.stderr and "a bug" in done.stderr


def test_threads_under_way_do_not_hold_up_the_end(run):
    begin = "import threading; threading.Thread(target=threading.Event().wait).start()"
    assert run(f"{begin}; raise PetsegError('no')").returncode == 1


def test_a_missing_dep_is_named_unless_params_yaml_fills_it_in(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    stage_runner.require_inputs("download")  # without a dvc.yaml, as for a script alone
    Path("dvc.yaml").write_text('stages: {download: {deps: ["datasets/${dataset.name}", code]}}\n')
    with pytest.raises(PetsegError, match=r"^code missing; run: dvc repro download$"):
        stage_runner.require_inputs("download")
    Path("code").mkdir()
    stage_runner.require_inputs("download")
