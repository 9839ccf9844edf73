"""The architecture figure and the table of rooms in the documentation are those of the code."""

import re

import architecture
import pytest


def test_levels_count_the_longest_path():
    assert architecture.levels({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {
        "c": 0,
        "b": 1,
        "a": 2,
    }


def test_arrows_leave_out_what_follows_from_others():
    assert architecture.direct({"a": {"b", "c"}, "b": {"c"}, "c": set()}) == {
        ("a", "b"),
        ("b", "c"),
    }


@pytest.mark.parametrize(
    "stage, earlier", [("train_unet", "preprocess"), ("visualize", "evaluate")]
)
def test_a_stage_follows_those_whose_outs_it_reads(stage, earlier):
    assert earlier in architecture.pipeline()[stage]


def test_committed_figure_has_the_arrows_of_the_code():
    drawn = re.findall(r'id="arrow ([\w-]+)"', architecture.FIGURE.read_text(encoding="utf-8"))
    rooms = {f"{name}-{room}" for name, room in architecture.direct(architecture.needs())}
    assert rooms < set(drawn), "run: python tools/architecture.py"
    assert {pair.split("-")[0] for pair in set(drawn) - rooms} <= set(architecture.pipeline())


def test_page_has_the_table_of_the_code():
    assert architecture.BEGIN + architecture.table() in architecture.PAGE.read_text(
        encoding="utf-8"
    )


def test_drawing_twice_gives_the_same_bytes(tmp_path):
    for name in "ab":
        architecture.draw(tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
