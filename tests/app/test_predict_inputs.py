"""What `petseg predict` is given: transparent, very large, in a mixed folder, a strange model."""

import json
import os
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from petseg.app import predict
from tests.helpers import ROOT

SIDE = 16


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """A network that takes red for pet, green for background and blue for border."""
    pixels = keras.Input((SIDE, SIDE, 3))
    network = keras.Model(pixels, keras.layers.Conv2D(3, 1, use_bias=False)(pixels))
    network.set_weights([np.eye(3).reshape(1, 1, 3, 3) / 50])
    path = tmp_path_factory.mktemp("models") / "colours.keras"
    network.save(path)
    return path


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments) -> int:
    with pytest.raises(SystemExit) as end:
        predict.main(list(map(str, arguments)))
    return end.value.code


def test_a_transparent_photograph_is_judged_and_drawn_on_grey(home, model):
    """Red, of which the right half is green that nobody sees."""
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
        overlay = Image.open(f"predictions/{name}_overlay.png")
        red, green, blue = overlay.getpixel((80, 5))
        assert red >= green and green < 140 and abs(green - blue) < 60  # grey, perhaps tinted
        before = image.getchannel("A")
        cutout = Image.open(f"predictions/{name}_cutout.png")
        assert np.all(np.asarray(cutout)[..., 3] <= np.asarray(before))
        assert cutout.getpixel((5, 5)) == (255, 0, 0, 255)
        assert cutout.getpixel((35, 5)) == (255, 0, 0, 80)
        assert cutout.getpixel((80, 5)) == (0, 0, 0, 0)


MEMORY = """
import resource, sys
from petseg.app import predict
try:
    predict.main(sys.argv[1:])
finally:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere, memory is told in other units")
def test_the_largest_phones_photographs_take_bounded_memory(home, model):
    """200 megapixels: 0.8 GB as Pillow holds them, and twice that while a picture is written."""
    Image.new("RGB", (16320, 12240), "red").save("large.jpg")
    arguments = ["large.jpg", "--model", str(model), "--cutout", "--json"]
    command = [sys.executable, "-c", MEMORY, *arguments]
    variables = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    content, peak = done.stdout.rsplit("\n", 2)[:2]
    assert json.loads(content)["photographs"][0]["shares"]["pet"] == 1
    assert int(peak) < 3600


def test_beyond_the_limit_a_photograph_is_refused_and_the_limit_can_be_raised(home, model, capsys):
    Image.new("1", (1500, 1000)).save("large.png")
    limit = Image.MAX_IMAGE_PIXELS
    try:
        assert run("large.png", "--model", model, "--max-megapixels", 1) == 1
        assert "more than 1 megapixels, the limit; reduce it first, or" in capsys.readouterr().err
        assert run("large.png", "--model", model, "--max-megapixels", 2) == 0
    finally:
        Image.MAX_IMAGE_PIXELS = limit


def test_a_folder_s_photographs_are_told_by_content_and_suffix(home, model, capsys):
    Path("in").mkdir()
    for name in ("a.tif", "b.bmp", "c.gif", "d.png"):
        Image.new("RGB", (9, 6), "red").save(f"in/{name}")
    Path("in/e").write_bytes(Path("in/d.png").read_bytes())
    Path("in/f.tiff").write_bytes(b"no photograph")
    Image.new("I;16", (9, 9), 20_000).save("in/g.tif")
    Path("in/notes.txt").write_text("none")
    assert run("in", "--model", model) == 1
    said = capsys.readouterr()
    rows = [line.split()[0] for line in said.out.splitlines()[1:]]
    assert rows == ["in/a.tif", "in/b.bmp", "in/c.gif", "in/d.png", "in/e"]
    assert "in/f.tiff: the photograph is not an image" in said.err
    assert "in/g.tif: the photograph has more than 8 bits" in said.err
    assert "notes.txt" not in said.err


@pytest.mark.parametrize("command", ["predict", "export", "serve"])
def test_a_model_of_another_shape_is_one_message(home, command, monkeypatch):
    pixels = keras.Input((96, 128, 3))
    keras.Model(pixels, keras.layers.Conv2D(3, 1)(pixels)).save("oblong.keras")
    Image.new("RGB", (9, 6)).save("cat.png")
    monkeypatch.setitem(sys.modules, "gradio", sys)  # refused before the page is built
    arguments = ["--model", "oblong.keras"] + ["cat.png"] * (command == "predict")
    with pytest.raises(SystemExit) as end:
        import_module(f"petseg.app.{command}").main(arguments)
    words = "error: oblong.keras takes (None, 96, 128, 3) and gives (None, 96, 128, 3); expected"
    assert end.value.code.startswith(words)
    assert not Path("predictions").exists()
