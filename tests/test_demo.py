"""`make demo` leaves a Git repository in which DVC's experiments work."""

import os

import pytest

import demo
from tests.helpers import projects

PIPELINE = """
stages:
  score:
    cmd: cp params.yaml score.yaml
    params: [epochs]
    deps: [params.yaml]
    metrics:
      - score.yaml: {cache: false}
"""


@pytest.fixture
def small(tmp_path, monkeypatch):
    """demo/ with a pipeline of one copied file, where Git knows nobody."""
    for name, value in projects.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    for name in list(os.environ):
        if name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_", "EMAIL")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "demo"
    folder.mkdir()
    projects.run(folder, "git", "init", "--quiet", "--initial-branch=main")
    projects.run(folder, "dvc", "init", "--quiet")

    def populate(target, overlay) -> None:
        (target / "dvc.yaml").write_text(PIPELINE)
        (target / "params.yaml").write_text("epochs: 1\n")

    monkeypatch.setattr(demo, "ROOT", tmp_path)
    (tmp_path / "params").mkdir()
    (tmp_path / "params" / "demo.yaml").write_text("{}")
    monkeypatch.setattr(demo, "DEMO", folder)
    monkeypatch.setattr(demo, "populate", populate)
    monkeypatch.setattr("sys.argv", ["demo.py"])
    return folder


def commits(folder) -> int:
    return int(projects.run(folder, "git", "rev-list", "--count", "HEAD"))


def test_the_results_are_committed_once_and_experiments_work(small, capfd):
    demo.main()
    assert commits(small) == 1
    assert projects.run(small, "git", "status", "--short") == ""
    demo.main()
    assert commits(small) == 1
    assert "user." not in capfd.readouterr().out, "Git's settings are nobody's business"
    projects.run(small, "dvc", "exp", "run", "--name", "longer", "-S", "epochs=2")
    assert "longer" in projects.run(small, "dvc", "exp", "list", "--name-only")
    demo.main()
    assert commits(small) == 1, "back to the same parameters"
