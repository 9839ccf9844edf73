"""`make demo` creates a Git repository in which DVC experiments work."""

import os

import demo
import pytest

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
def demo_project(tmp_path, monkeypatch):
    """A demo/ whose pipeline copies one file; Git has no name and address of an author."""
    for name, value in projects.environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    for name in list(os.environ):
        if name.startswith(("GIT_AUTHOR_", "GIT_COMMITTER_", "EMAIL")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    folder = tmp_path / "demo"
    folder.mkdir()
    projects.new_project(folder)

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


def test_results_are_committed_once_and_experiments_work(demo_project, capfd):
    demo.main()
    assert commits(demo_project) == 1
    assert projects.run(demo_project, "git", "status", "--short") == ""
    demo.main()
    assert commits(demo_project) == 1
    assert "user." not in capfd.readouterr().out, "the settings of Git are printed"
    projects.run(demo_project, "dvc", "exp", "run", "--name", "longer", "-S", "epochs=2")
    assert "longer" in projects.run(demo_project, "dvc", "exp", "list", "--name-only")
    demo.main()
    assert commits(demo_project) == 1, "the parameters are the same again"
