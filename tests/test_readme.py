"""README.md and docs/ are true: results, links, anchors, make targets, parameters and output."""

import re

import pytest
import readme_results

from petseg.app import inspect
from petseg.core import paths, yaml12
from tests.helpers import ROOT, datasets

DOCS = ROOT / "docs"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in (ROOT / "README.md", *sorted(DOCS.glob("*.md")))
}
ALL_PAGES = pytest.mark.parametrize("page", PAGES)

CODE_BLOCK = re.compile(r"^ *```.*?^ *```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
MAKE = re.compile(r"(?:`|^ *\$ |&& )make ([a-z][a-z-]*)", re.MULTILINE)
PARAMETER = re.compile(r"-S '?([a-z][\w.]*)=")


def prose(text: str) -> str:
    """Returns a page without its code blocks and inline code, in which nothing is a link."""
    return re.sub(r"`[^`\n]*`", "`", CODE_BLOCK.sub("", text))


def anchors(text: str) -> set[str]:
    """Returns the anchors of a page's headings, as GitHub and MkDocs make them."""
    headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", one.lower()).strip().replace(" ", "-") for one in headings}


def local_links(page: str) -> list[str]:
    return [link for link in LINK.findall(prose(PAGES[page])) if not re.match("https?:", link)]


def broken(page: str, link: str) -> bool:
    name, _, anchor = link.partition("#")
    target = (ROOT / page).parent / name if name else ROOT / page
    if not target.exists():
        return True
    return bool(anchor) and anchor not in anchors(target.read_text(encoding="utf-8"))


@ALL_PAGES
def test_links_and_anchors_exist(page):
    assert [link for link in local_links(page) if broken(page, link)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != "README.md"])
def test_docs_link_only_to_what_the_site_serves(page):
    assert [link for link in local_links(page) if link.startswith(("/", ".."))] == []


@ALL_PAGES
def test_anchors_of_a_page_are_unique_and_the_same_on_github_and_the_site(page):
    headings = re.findall(r"^#+ (.+)$", CODE_BLOCK.sub("", PAGES[page]), re.MULTILINE)
    found = anchors(PAGES[page])
    assert len(found) == len(headings)
    assert [anchor for anchor in found if "--" in anchor] == []  # MkDocs joins the two hyphens


@ALL_PAGES
def test_make_targets_exist(page):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(MAKE.findall(PAGES[page])) <= targets


@ALL_PAGES
def test_parameters_exist(page):
    for name in PARAMETER.findall(PAGES[page]):
        value = yaml12.read(ROOT / "params.yaml")
        for part in name.split("."):
            assert part in value, name
            value = value[part]


def test_results_are_those_in_metrics():
    _, _, rest = README.partition(readme_results.BEGIN)
    assert rest.partition(readme_results.END)[0] == readme_results.table()


def test_inspect_prints_and_writes_what_the_readme_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    datasets.cells(tmp_path / "datasets" / "cells")
    with pytest.raises(SystemExit) as end:
        inspect.main(["datasets/cells", "--write", "cells"])
    assert not end.value.code
    assert f"--write cells\n{capsys.readouterr().out.strip()}\n```" in README
    written = paths.dataset_file("cells").read_text(encoding="utf-8")
    assert f"```yaml\n{written}```" in README
