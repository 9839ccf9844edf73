"""The API reference has a page for each room of petseg/, and the site shows all of them."""

import importlib.util

import reference_pages

import petseg.metrics
from petseg.core import yaml12
from tests.helpers import ROOT


def test_navigation_lists_every_page():
    (section,) = [s["API reference"] for s in yaml12.read(ROOT / "mkdocs.yml")["nav"][-1:]]
    shown = [address.removeprefix("reference/") for entry in section for address in entry.values()]
    assert sorted(shown) == sorted(reference_pages.pages())


def test_directives_name_modules_that_exist():
    names = [
        line.removeprefix("::: ")
        for text in reference_pages.pages().values()
        for line in text.splitlines()
        if line.startswith(":::")
    ]
    assert "petseg.metrics.scores" in names
    for name in names:
        assert importlib.util.find_spec(name), name


def test_a_page_begins_with_what_the_room_is_for():
    title, _, description = reference_pages.pages()["metrics.md"].splitlines()[:3]
    assert (title, description) == ("# petseg.metrics", petseg.metrics.__doc__)
