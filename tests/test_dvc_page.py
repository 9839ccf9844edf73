"""The page of `dvc plots show` works offline: it loads Vega from the project."""

import re
import shutil
import subprocess

import pytest
import vega

from tests.helpers import ROOT, dvc_charts, projects


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of a project with the DVC settings of this one, after Vega was written."""
    folder = tmp_path_factory.mktemp("page")
    dvc_charts.chart_project(folder)
    shutil.copyfile(ROOT / ".dvc" / "config", folder / ".dvc" / "config")
    shutil.copytree(
        ROOT / ".dvc" / "html", folder / ".dvc" / "html", ignore=shutil.ignore_patterns("*.js")
    )
    vega.write(folder)
    dvc_charts.write_results(folder, seed=1)
    projects.run(folder, "dvc", "plots", "show")
    return folder / "dvc_plots" / "index.html"


def test_page_loads_vega_from_the_project_before_it_draws(page):
    text = page.read_text(encoding="utf-8")
    first = re.search(r'<script src="([^"]+)"></script>', text)
    assert (page.parent / first[1]).resolve() == (page.parents[1] / vega.PLACE).resolve()
    assert first.end() < text.index("vegaEmbed(")
    assert "window.vegaEmbed=" in (page.parent / first[1]).read_text(encoding="utf-8")


def test_page_uses_the_network_only_if_vega_is_missing(page):
    text = page.read_text(encoding="utf-8")
    kept, apart = re.subn(r"<template[^>]*>(.*?)</template>", "", text, flags=re.DOTALL)
    assert apart == 1
    assert "https://cdn." in text and not re.findall(r"src *= *.https?:", kept)


def test_git_ignores_vega_and_keeps_the_page():
    for path, code in ((vega.PLACE, 0), (vega.PLACE.with_name("page.html"), 1)):
        assert subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT).returncode == code


def test_setup_writes_vega():
    _, recipe = (ROOT / "Makefile").read_text(encoding="utf-8").split("\n$(READY): ")
    assert "python tools/vega.py" in recipe
