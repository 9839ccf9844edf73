"""Inputs of `petseg predict`: images, mixed folders, other models."""

import json
import re
import shutil
import sys
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg.app import predict
from petseg.decoding.mask import decode_mask
from tests.helpers import ROOT, networks
from tests.helpers.commands import exit_code
from tests.helpers.images import half_red
from tests.helpers.processes import run_python
from tests.helpers.specs import CELLS, PAINTED, STREET


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Predicts pet for red, background for green, border for blue."""
    return networks.save(networks.colours(), tmp_path_factory.mktemp("models") / "colours.keras")


run = partial(exit_code, predict.main)


def test_transparent_image_is_segmented_and_drawn_on_grey(workdir, model):
    """Left red, right fully transparent green."""
    Path("in").mkdir()
    image = Image.new("RGBA", (90, 60), "red")
    image.paste((255, 0, 0, 80), (30, 0, 45, 60))
    image.paste((0, 255, 0, 0), (45, 0, 90, 60))
    image.save("in/cat.png")
    palette = Image.new("P", (90, 60), 0)
    palette.putpalette([255, 0, 0, 255, 0, 0, 0, 255, 0])
    palette.paste(1, (30, 0, 45, 60))
    palette.paste(2, (45, 0, 90, 60))
    palette.save("in/dog.png", transparency=bytes([255, 80, 0]))
    assert run("in", "--model", model, "--cutout") == 0
    for name in ("cat", "dog"):
        overlay = Image.open(f"predictions/{name}_overlay.jpg")
        red, green, blue = overlay.getpixel((80, 5))
        assert red >= green and green < 140 and abs(green - blue) < 60  # grey, perhaps tinted
        before = image.getchannel("A")
        cutout = Image.open(f"predictions/{name}_cutout.png")
        assert np.all(np.asarray(cutout)[..., 3] <= np.asarray(before))
        assert cutout.getpixel((5, 5)) == (255, 0, 0, 255)
        assert cutout.getpixel((35, 5)) == (255, 0, 0, 80)
        assert cutout.getpixel((80, 5)) == (0, 0, 0, 0)


MEMORY = """
import re, sys
from pathlib import Path
from petseg.app import predict
from petseg.decoding.mask import decode_mask
try:
    predict.main(sys.argv[1:])
finally:
    (peak,) = re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
    print(int(peak) // 1024)
"""
"""ru_maxrss would also count the parent process."""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_image_of_200_megapixels_takes_bounded_memory(workdir):
    """0.8 GB in Pillow, and twice that while a picture is written."""
    Image.new("RGB", (16320, 12240), "red").save("large.jpg")
    network = ROOT / "pretrained/shallow.tflite"  # TensorFlow alone would take up to 1 GB
    arguments = ["large.jpg", "--model", network, "--cutout", "--json"]
    done = run_python("-c", MEMORY, *arguments, folder=workdir)
    assert done.returncode == 0, done.stderr
    content, peak = done.stdout.rsplit("\n", 2)[:2]
    (found,) = json.loads(content)["photographs"]
    assert sum(found["shares"].values()) == pytest.approx(1)
    assert int(peak) < 2900


def test_image_above_the_megapixel_limit_is_refused(workdir, model, capsys):
    Image.new("1", (1500, 1000)).save("large.png")
    limit = Image.MAX_IMAGE_PIXELS
    try:
        assert run("large.png", "--model", model, "--max-megapixels", 1) == 1
        assert "more than 1 megapixels, the limit; reduce it first, or" in capsys.readouterr().err
        assert run("large.png", "--model", model, "--max-megapixels", 2) == 0
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def test_folder_images_are_found_by_suffix_and_content(workdir, model, capsys):
    Path("in").mkdir()
    for name in ("a.tif", "b.bmp", "c.gif", "d.png"):
        Image.new("RGB", (9, 6), "red").save(f"in/{name}")
    Path("in/e").write_bytes(Path("in/d.png").read_bytes())
    Path("in/f.tiff").write_bytes(b"no image")
    Image.new("I;16", (9, 9), 20_000).save("in/g.tif")
    Path("in/notes.txt").write_text("none", encoding="utf-8")
    assert run("in", "--model", model) == 1
    said = capsys.readouterr()
    rows = [line.split()[0] for line in said.out.splitlines()[1:]]
    assert rows == ["in/a.tif", "in/b.bmp", "in/c.gif", "in/d.png", "in/e", "in/g.tif"]
    assert "in/f.tiff: the photograph is not an image" in said.err
    assert "notes.txt" not in said.err


@pytest.mark.parametrize("command", ["predict", "export", "serve"])
def test_model_with_other_classes_is_one_message(workdir, command, monkeypatch):
    networks.save(networks.pointwise((96, 128), 3), Path("oblong.keras"), CELLS)
    Image.new("RGB", (9, 6)).save("cat.png")
    monkeypatch.setitem(sys.modules, "gradio", sys)  # refused before the page is built
    arguments = ["--model", "oblong.keras"] + ["cat.png"] * (command == "predict")
    message = exit_code(import_module(f"petseg.app.{command}").main, *arguments)
    words = "error: oblong.keras takes (None, 96, 128, 3) and gives (None, 96, 128, 3); expected"
    assert message.startswith(words) and "ground, cell" in message
    assert not Path("predictions").exists()


@pytest.mark.parametrize("spec", [CELLS, STREET, PAINTED], ids=lambda spec: spec.name)
def test_any_dataset_and_input_shape_work(workdir, spec, capsys):
    oblong = networks.pointwise((8, 24), len(spec.classes))
    model = networks.save(oblong, Path("oblong.keras"), spec)
    noise = np.random.default_rng(0).integers(0, 256, (40, 90, 3), np.uint8)
    Image.fromarray(noise).save("a.png")
    options = ["--cutout"] if spec.regions else []
    assert run("a.png", "--model", model, "--json", *options) == 0
    (found,) = json.loads(capsys.readouterr().out)["photographs"]
    assert list(found["shares"]) == list(spec.class_names)
    for region, names in spec.regions.items():
        expected = sum(found["shares"][name] for name in names)
        assert found["regions"][region] == pytest.approx(expected)
    data = Path("predictions/a_labels.png").read_bytes()
    if spec is PAINTED:
        with Image.open("predictions/a_labels.png") as mask:
            mask.convert("RGB").save("rgb.png")
        data = Path("rgb.png").read_bytes()
    labels = decode_mask(data, spec, (90, 40))
    shares = [np.mean(labels == label) for label in range(len(spec.classes))]
    np.testing.assert_allclose(list(found["shares"].values()), shares)
    assert run("a.png", "--model", model) == 0
    heads, _ = capsys.readouterr().out.splitlines()
    shown = [name for name, share in found["shares"].items() if share or len(spec.classes) < 9]
    assert re.split(" {2,}", heads)[2:] == shown
    if spec.regions:
        opacity = np.asarray(Image.open("predictions/a_cutout.png"))[..., 3]
        inside = np.isin(labels, spec.region_labels(spec.default_region))
        np.testing.assert_array_equal(opacity, 255 * inside)


def test_region_option_selects_the_cutout(workdir, model):
    half_red().save("cat.png")
    for region, opacity in (("background", [0, 255]), ("pet", [255, 0])):
        assert run("cat.png", "--model", model, "--region", region) == 0
        cutout = Image.open("predictions/cat_cutout.png")
        assert [cutout.getpixel((x, 5))[3] for x in (5, 80)] == opacity
    message = run("cat.png", "--model", model, "--region", "dog")
    assert message.startswith("error: oxford_iiit_pet has no region or class 'dog'; it has pet, ba")


def test_cutout_without_regions_needs_a_class(workdir):
    networks.save(networks.pointwise((8, 8), 2), Path("cells.keras"), CELLS)
    Image.new("RGB", (9, 9)).save("a.png")
    message = run("a.png", "--model", "cells.keras", "--cutout")
    assert message == (
        "error: cells has no region to cut out; name one of its classes with --region: ground, cell"
    )
    assert not Path("predictions").exists()
    assert run("a.png", "--model", "cells.keras", "--region", "cell") == 0
    assert Path("predictions/a_cutout.png").exists()


def test_model_without_a_spec_needs_a_dataset(workdir, model, capsys):
    foreign = Path("foreign.keras")
    networks.pointwise((8, 8), 3).save(foreign)
    Image.new("RGB", (9, 9)).save("a.png")
    assert "does not say what its classes are; name the dataset" in run("a.png", "--model", foreign)
    shutil.copytree(ROOT / "datasets", "datasets")
    file = "datasets/oxford_iiit_pet/dataset.yaml"
    for name in ("oxford_iiit_pet", file):
        assert run("a.png", "--model", foreign, "--dataset", name) == 0
    capsys.readouterr()
    assert run("a.png", "--model", foreign, "--dataset", "none.yaml") == (
        "error: --dataset: none.yaml not found"
    )
    text = Path(file).read_text(encoding="utf-8").replace("name: border", "name: edge")
    Path("other.yaml").write_text(text.replace("border", "edge"), encoding="utf-8")
    assert run("a.png", "--model", model, "--dataset", "other.yaml") == (
        f"error: {model} was trained for oxford_iiit_pet (pet, background, border), not for "
        f"{workdir.name} (pet, background, edge); name no dataset: the file says what its classes "
        "are"
    )
