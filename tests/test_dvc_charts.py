"""The charts of `dvc plots show` and `dvc plots diff`, rendered without a browser."""

import json
import re

import numpy as np
import pytest
from pull_request_report import specifications

from petseg.core import paths
from petseg.figures.palette import NETWORK_STYLES, SPARE_LOOKS
from tests.helpers import ROOT, dvc_charts, projects
from tests.helpers.images import assert_drawn
from tests.helpers.specs import CELLS, PETS, STREET

OUTS = dvc_charts.plotted_outs()
CURVES = ("Loss", "Mean IoU")
GROUPS = paths.PER_GROUP.as_posix()
DATASET = {
    f"{paths.DATASET_TABLES}/aspect_ratios.csv": ("Width by height", "images", "width / height"),
    f"{paths.DATASET_TABLES}/brightness.csv": ("Brightness", "images", "mean grey"),
    f"{paths.DATASET_TABLES}/classes.csv": ("Classes", "share of the pixels", "class"),
}
WORDS = {
    "Loss": ("Loss", "epoch", "loss"),
    "Mean IoU": ("Mean IoU", "epoch", "mean IoU"),
    GROUPS: ("Mean IoU by group", "mean IoU", "group"),
    **{
        paths.learning_curve(name).as_posix(): (f"Learning rate, {name}", "epoch", "learning rate")
        for name in paths.NETWORKS
    },
    **{
        path.as_posix(): (f"Confusion matrix, {name}", "predicted class", "true class")
        for name, path in paths.CONFUSION.items()
    },
    **{
        path.as_posix(): (f"Calibration, {name}", "confidence", "accuracy")
        for name, path in paths.CALIBRATION.items()
    },
    **DATASET,
}
"""The title and the axes of each chart."""
NETWORKS_SHOWN = {
    **{paths.learning_curve(name).as_posix(): [] for name in paths.NETWORKS},
    **{path.as_posix(): [name] for name, path in paths.CONFUSION.items()},
    **{path.as_posix(): [] for path in paths.CALIBRATION.values()},
    **{name: [] for name in DATASET},
}
"""The networks that a chart names, if not all of them."""
COMMANDS = {"show": ["show"], "diff": ["diff", "HEAD~1", "HEAD"]}
REVISIONS = {"show": ["workspace"], "diff": ["HEAD~1", "HEAD"]}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("charts")
    dvc_charts.chart_project(folder)
    for seed in (1, 2):
        groups = dvc_charts.write_results(folder, seed)
        projects.commit(folder, f"results {seed}")
    found = {name: dvc_charts.shown(folder, *command) for name, command in COMMANDS.items()}
    charts = {name: specifications(part) for name, part in found.items()}
    drawings = {
        name: {chart: dvc_charts.drawing(content) for chart, content in part.items()}
        for name, part in charts.items()
    }
    return {
        "folder": folder,
        "groups": groups,
        "found": found,
        "charts": charts,
        "drawings": drawings,
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_all_charts_and_images_are_shown_once_in_order(project, command):
    shown = project["found"][command]
    pictures = dvc_charts.pictures(project["groups"])
    charts = [name for name in OUTS if name.endswith(".csv")]
    assert sorted(shown) == sorted([*CURVES, *charts, *pictures])
    assert [name for name in shown if name in WORDS] == [*CURVES, *charts]
    assert {*CURVES, *charts} == set(WORDS)
    for name in pictures:
        assert len(shown[name]) == len(REVISIONS[command])


@pytest.mark.parametrize("chart", WORDS)
@pytest.mark.parametrize("command", COMMANDS)
def test_chart_has_its_texts_and_is_not_clipped(project, command, chart):
    words = dvc_charts.words(project["drawings"][command][chart])
    assert {*WORDS[chart], *REVISIONS[command]} <= set(words)
    shown = NETWORKS_SHOWN.get(chart, list(paths.NETWORKS))
    assert [word for word in words if word in paths.NETWORKS] == shown
    assert not [word for word in words if "DVC_METRIC" in word or "NaN" in word or "…" in word]

    image = dvc_charts.picture(project["charts"][command][chart])
    assert min(image.shape[:2]) > 100
    assert_drawn(image)


@pytest.mark.parametrize("chart", CURVES)
def test_networks_differ_in_colour_and_splits_in_line_style(project, chart):
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
def test_confusion_matrix_shows_its_numbers(project, command):
    for network, path in paths.CONFUSION.items():
        words = dvc_charts.words(project["drawings"][command][path.as_posix()])
        assert set(dvc_charts.confusion_texts(project["folder"], network)) <= set(words)
        classes = [word for word in words if word in PETS.class_names]
        repeated = len(classes) // len(PETS.class_names)
        assert classes == list(PETS.class_names) * repeated, "order of the axes"


@pytest.mark.parametrize("command", COMMANDS)
def test_groups_are_sorted_by_score_in_each_column(project, command):
    words = dvc_charts.words(project["drawings"][command][GROUPS])
    table = project["groups"]
    if command == "show":
        best = table.groupby(["column", "group"])["mean_iou"].max().sort_values(ascending=False)
        expected = [f"breed: {group}" for group in best["breed"].index]
        expected += [f"species: {group}" for group in best["species"].index]
        assert [word for word in words if word in expected] == expected
    columns = [word.split(":")[0] for word in words if ": " in word]
    assert columns == ["breed"] * 3 + ["species"] * 2, "one axis for all revisions"


@pytest.mark.parametrize("spec", [CELLS, STREET], ids=lambda spec: spec.name)
def test_charts_of_another_dataset(tmp_path, spec):
    dvc_charts.chart_project(tmp_path)
    groups = dvc_charts.write_results(tmp_path, seed=1, spec=spec)
    shown = dvc_charts.shown(tmp_path, "show")
    assert shown.keys() == {*CURVES, *(n for n in OUTS if n.endswith(".csv"))} | set(
        dvc_charts.pictures(groups)
    )
    assert bool(shown[GROUPS]) == bool(spec.groups), "a table without rows has no chart"
    charts = specifications({name: part for name, part in shown.items() if part})
    for path in paths.CONFUSION.values():
        words = dvc_charts.words(dvc_charts.drawing(charts[path.as_posix()]))
        classes = [word for word in words if word in spec.class_names]
        assert classes == [*spec.class_names] * 2
        cells = [word for word in words if re.fullmatch(r"\d+\.\d%", word)]
        assert len(cells) == (4 if spec is CELLS else 0)
    page = projects.run(tmp_path, "dvc", "plots", "show")
    assert "index.html" in page


def test_class_without_pixels_has_dashes(project):
    content = project["charts"]["show"][paths.CONFUSION["unet"].as_posix()]
    rows = [
        row | ({"share": ""} if row["truth"] == "background" else {})
        for row in content["data"]["values"]
    ]
    words = dvc_charts.words(dvc_charts.drawing(content | {"data": {"values": rows}}))
    assert words.count("–") == 3 and "null" not in words
    assert [word for word in words if word in PETS.class_names] == [*PETS.class_names] * 2


def test_revisions_have_their_own_panels_and_shared_scales(project):
    one, two = (
        dvc_charts.picture(project["charts"][command]["Loss"]).shape[1] for command in COMMANDS
    )
    assert two > 1.5 * one
    ticks = [w for w in dvc_charts.words(project["drawings"]["diff"]["Loss"]) if w == "0.5"]
    assert len(ticks) == 1, "one loss axis for both revisions"


def test_chart_colours_are_those_of_the_figures():
    colours = [style.colour for style in NETWORK_STYLES.values()]
    colours += [colour for colour, _ in SPARE_LOOKS]
    for name in ("learning_curves", "per_group"):
        path = ROOT / ".dvc" / "plots" / f"{name}.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        assert content["spec"]["encoding"]["color"]["scale"]["range"] == colours


def test_charts_of_several_files_use_plots_of_stages():
    for entry in dvc_charts.plots_sections()["plots"]:
        assert set(next(iter(entry.values()))["y"]) <= set(OUTS)


def test_single_epoch_is_visible(project):
    """One epoch is drawn as a point for each network and split."""
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
