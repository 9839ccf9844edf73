"""What `dvc plots show` and `dvc plots diff` draw, rendered without a browser."""

import json
import re

import dvc_charts
import numpy as np
import pytest
import throwaway
from conftest import ROOT

from petseg import paths, yaml12
from petseg.classes import CLASS_NAMES
from petseg.figures.palette import NETWORK_STYLES, SPARE_LOOKS

AXES = {
    "Loss": ("epoch", "loss"),
    "Mean IoU": ("epoch", "mean IoU"),
    "Confusion matrices": ("predicted class", "true class"),
    "Pet IoU by breed": ("pet IoU", "breed"),
}
CURVES = ("Loss", "Mean IoU")
PICTURES = [entry for entry in dvc_charts.plots_section() if isinstance(entry, str)]
COMMANDS = {"show": ["show"], "diff": ["diff", "HEAD~1", "HEAD"]}
REVISIONS = {"show": ["workspace"], "diff": ["HEAD~1", "HEAD"]}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("charts")
    dvc_charts.chart_project(folder)
    for seed in (1, 2):
        breeds = dvc_charts.write_results(folder, seed)
        throwaway.commit(folder, f"results {seed}")
    found = {name: dvc_charts.shown(folder, *command) for name, command in COMMANDS.items()}
    charts = {name: dvc_charts.specifications(part) for name, part in found.items()}
    drawings = {
        name: {chart: dvc_charts.drawing(content) for chart, content in part.items()}
        for name, part in charts.items()
    }
    return {
        "folder": folder,
        "breeds": breeds,
        "found": found,
        "charts": charts,
        "drawings": drawings,
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_everything_is_shown_once_and_in_order(project, command):
    shown = project["found"][command]
    assert list(shown) == [*AXES, *PICTURES]
    for name in PICTURES:
        assert len(shown[name]) == len(REVISIONS[command])


@pytest.mark.parametrize("chart", AXES)
@pytest.mark.parametrize("command", COMMANDS)
def test_chart(project, command, chart):
    words = dvc_charts.words(project["drawings"][command][chart])
    assert {chart, *AXES[chart], *REVISIONS[command]} <= set(words)
    assert [word for word in words if word in paths.NETWORKS] == list(paths.NETWORKS)
    assert not [word for word in words if "DVC_METRIC" in word or "NaN" in word or "…" in word]

    image = dvc_charts.picture(project["charts"][command][chart])
    assert min(image.shape[:2]) > 100
    assert (image < 0.9).any(axis=2).mean() > 0.005, "blank"
    for edge in (image[0], image[-1], image[:, 0], image[:, -1]):
        assert (edge == 1).all(), "something reaches the edge, and is cut there"


@pytest.mark.parametrize("chart", CURVES)
def test_networks_differ_in_colour_and_splits_in_dash(project, chart):
    svg = project["drawings"]["show"][chart]
    assert {"training", "validation"} <= set(dvc_charts.words(svg))
    lines = re.findall(r'<path ([^>]*aria-roledescription="line mark"[^>]*)>', svg)
    pattern = r'network: (\w+); split: (\w+);.* stroke="([^"]+)".* stroke-dasharray="([^"]+)"'
    dashes = {"training": "4,3", "validation": "1,0"}
    assert [re.search(pattern, line).groups() for line in lines] == [
        (network, split, NETWORK_STYLES[network].colour, dash)
        for network in paths.NETWORKS
        for split, dash in dashes.items()
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_cells_show_their_numbers(project, command):
    words = dvc_charts.words(project["drawings"][command]["Confusion matrices"])
    for network in paths.NETWORKS:
        assert set(dvc_charts.confusion_texts(project["folder"], network)) <= set(words)
    classes = [word for word in words if word in CLASS_NAMES]
    assert classes == list(CLASS_NAMES) * (len(classes) // len(CLASS_NAMES)), "order of the axes"


def test_breeds_are_sorted_by_score(project):
    words = dvc_charts.words(project["drawings"]["show"]["Pet IoU by breed"])
    best = project["breeds"].groupby("breed")["pet_iou"].max().sort_values(ascending=False)
    expected = [breed.replace("_", " ") for breed in best.index]
    assert [word for word in words if word in expected] == expected


def test_revisions_stand_in_panels_of_their_own_scales_shared(project):
    one, two = (
        dvc_charts.picture(project["charts"][command]["Loss"]).shape[1] for command in COMMANDS
    )
    assert two > 1.5 * one
    ticks = [w for w in dvc_charts.words(project["drawings"]["diff"]["Loss"]) if w == "0.5"]
    assert len(ticks) == 1, "one loss axis for both revisions"


def test_colours_are_those_of_the_figures():
    colours = [style.colour for style in NETWORK_STYLES.values()]
    colours += [colour for colour, _ in SPARE_LOOKS]
    for name in ("learning_curves", "per_breed"):
        path = ROOT / ".dvc" / "plots" / f"{name}.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["spec"]["encoding"]["color"]["scale"]["range"] == colours


def test_every_plotted_file_is_an_out_and_every_picture_is_plotted():
    stages = yaml12.read(ROOT / "dvc.yaml")["stages"].values()
    outs = [out for stage in stages for out in stage["outs"]]
    written = {name for out in outs for name in ([out] if isinstance(out, str) else out)}
    assert not any("plots" in stage for stage in stages), "would be shown twice"
    assert {name for name in written if name.endswith(".png")} == set(PICTURES)
    for entry in dvc_charts.plots_section():
        files = [entry] if isinstance(entry, str) else next(iter(entry.values()))["y"]
        assert set(files) <= written


def test_a_single_epoch_is_visible(project):
    """One epoch makes no line, but a point for each network and split."""
    content = project["charts"]["show"]["Loss"]
    first = [row for row in content["data"]["values"] if row["epoch"] == "1"]
    assert len(first) == 2 * len(paths.NETWORKS)
    image = dvc_charts.picture(content | {"data": {"values": first}})
    plain = dvc_charts.picture(content | {"data": {"values": [first[0]]}})
    for points, network in ((image, paths.NETWORKS[1]), (plain, paths.NETWORKS[0])):
        colour = NETWORK_STYLES[network].colour
        rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
        inside = points[:, : int(0.8 * points.shape[1])]
        assert np.isclose(inside, rgb, atol=0.02).all(axis=2).any(), network
