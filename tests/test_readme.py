"""The README says what is so: its results are the metrics' own, its links and commands exist."""

import re

import pytest
import readme_results

from petseg.app import inspect
from petseg.core import paths, yaml12
from tests.helpers import ROOT, datasets

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_results_are_those_in_metrics():
    _, _, rest = README.partition(readme_results.BEGIN)
    assert rest.partition(readme_results.END)[0] == readme_results.table()


@pytest.mark.parametrize("link", re.findall(r"\]\((?!https?:)([^)#]+)", README))
def test_links_lead_somewhere(link):
    assert (ROOT / link).exists()


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\bmake ([a-z]+)\b`?", README))))
def test_make_targets_exist(target):
    assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"-S ([\w.]+)=", README))))
def test_parameters_exist(name):
    value = yaml12.read(ROOT / "params.yaml")
    for part in name.split("."):
        value = value[part]


def test_what_inspect_says_is_what_it_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    datasets.cells(tmp_path / "datasets" / "cells")
    with pytest.raises(SystemExit) as end:
        inspect.main(["datasets/cells", "--write", "cells"])
    assert not end.value.code
    assert f"--write cells\n{capsys.readouterr().out.strip()}\n```" in README
    written = paths.dataset_file("cells").read_text(encoding="utf-8")
    assert f"```yaml\n{written}```" in README
