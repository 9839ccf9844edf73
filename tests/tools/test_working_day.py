"""The recorded working day: what of a command's output is shown, and what counts as outdated."""

import pytest
import working_day


def test_other_lines_become_dots():
    printed = "Stage 'a' didn't change\nnoise\nmore noise\nRunning stage 'b':\n"
    assert working_day.shown("dvc repro", printed, "Stage '|Running") == (
        "$ dvc repro\nStage 'a' didn't change\n...\nRunning stage 'b':\n"
    )


@pytest.mark.parametrize(
    "old, new",
    [
        ("mean_iou  0.6735  0.5367  -0.1368", "mean_iou 0.6736 0.5 +0.1"),
        ("Recorded from commit `031fed9` on", "Recorded from commit `1234567` on"),
        ("shallow  pug  4  0.67  0.44  -0.2 *", "shallow  boxer  4  0.61  0.54  -0.1"),
    ],
    ids=["numbers", "commit", "groups"],
)
def test_what_differs_by_machine_is_not_outdated(old, new):
    assert working_day.difference(f"a\n{old}\nb\n", f"a\n{new}\nb\n") == 0


@pytest.mark.parametrize("new", ["", "mean_dice  0.6735\n", "mean_iou  0.6735\nmean_dice  0.5\n"])
def test_another_shape_is_outdated(new):
    assert "working_day.md is outdated" in working_day.difference("mean_iou  0.6735\n", new)


def test_the_page_has_a_place_for_each_part():
    page = working_day.PAGE.read_text(encoding="utf-8")
    for name in ("experiment", "comparison", "source"):
        assert page.count(working_day.begin(name)) == 1


def test_the_change_is_of_the_demo(tmp_path):
    text = "train_unet:\n  epochs: 12\ntrain_shallow:\n  epochs: 12\n  batch_size: 12\n"
    (tmp_path / "params.yaml").write_text(text, encoding="utf-8")
    working_day._edit(tmp_path / "params.yaml")
    changed = (tmp_path / "params.yaml").read_text(encoding="utf-8")
    assert changed == text.replace("shallow:\n  epochs: 12", "shallow:\n  epochs: 4")
