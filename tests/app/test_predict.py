"""`petseg predict`: pictures, table, JSON, and messages."""

import io
import json
import os
import re
import subprocess
import sys
import time
from functools import partial
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg.__main__ import COMMANDS
from petseg.app import predict, segmenting
from petseg.prediction.network import Network
from tests.helpers import ROOT, networks
from tests.helpers.commands import exit_code
from tests.helpers.images import exif, half_red
from tests.helpers.processes import environment, run_python
from tests.helpers.specs import PETS


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    """Predicts pet for red, background for green, border for blue."""
    return networks.save(networks.colours(), tmp_path_factory.mktemp("models") / "colours.keras")


def draw_image(path: str, left: str = "red", right: str = "lime", size=(90, 60), **options) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    half_red(size, left, right).save(path, **options)


run = partial(exit_code, predict.main)


def written(folder: str) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in Path(folder).rglob("*") if p.is_file())


def test_pictures_have_the_size_of_the_image(workdir, model):
    draw_image("in/cat.png")
    draw_image("in/sub/dog.jpg", "blue", "red", (31, 77), quality=100)
    assert run("in", "--model", model, "--cutout", "--out", "there") == 0
    kinds = ("cutout.png", "labels.png", "overlay.jpg")
    assert written("there") == [f"{n}_{kind}" for n in ("cat", "sub/dog") for kind in kinds]
    for name, size in (("cat", (90, 60)), ("sub/dog", (31, 77))):
        assert Image.open(f"there/{name}_labels.png").size == size
        assert Image.open(f"there/{name}_cutout.png").size == size
        assert Image.open(f"there/{name}_overlay.jpg").height > size[1]
    labels = np.asarray(Image.open("there/cat_labels.png"))
    assert set(labels[:, :42].ravel()) == {1} and set(labels[:, 48:].ravel()) == {2}
    assert Image.open("there/cat_cutout.png").getpixel((5, 5)) == (255, 0, 0, 255)
    assert Image.open("there/cat_cutout.png").getpixel((80, 5))[3] == 0


def test_cutout_is_written_only_on_request(workdir, model):
    draw_image("cat.png")
    assert run("cat.png", "--model", model) == 0
    assert written("predictions") == ["cat_labels.png", "cat_overlay.jpg"]


def test_image_is_segmented_upright_by_exif(workdir, model):
    draw_image("cat.png", exif=exif(6))  # the left side goes to the top
    assert run("cat.png", "--model", model) == 0
    labels = np.asarray(Image.open("predictions/cat_labels.png"))
    assert labels.shape == (90, 60)
    assert labels[0, 0] == labels[0, -1] == 1 and labels[-1, 0] == labels[-1, -1] == 2


def test_table_shows_sizes_and_shares(workdir, model, capsys):
    draw_image("in/cat.png")
    assert run("in/cat.png", "--model", model) == 0
    assert capsys.readouterr().out.splitlines() == [
        "image        size    pet  background  border",
        "in/cat.png  90x60  50.0%       50.0%    0.0%",
    ]


def test_json_lists_results_and_failures(workdir, model, capsys):
    draw_image("cat.png")
    Path("broken.jpg").write_bytes(b"broken")
    assert run("cat.png", "broken.jpg", "--model", model, "--json") == 1
    content = json.loads(capsys.readouterr().out)
    assert content == {
        "model": str(model),
        "photographs": [
            {
                "photograph": "cat.png",
                "width": 90,
                "height": 60,
                "shares": {"pet": 0.5, "background": 0.5, "border": 0.0},
                "regions": {"pet": 0.5},
                "files": {
                    "labels": "predictions/cat_labels.png",
                    "overlay": "predictions/cat_overlay.jpg",
                },
            }
        ],
        "failed": [{"photograph": "broken.jpg", "reason": "the photograph is not an image"}],
    }


def test_broken_images_are_reported_and_others_go_on(workdir, model, capsys):
    for name in "aceg":
        draw_image(f"in/{name}.png", *(("red", "lime") if name < "d" else ("blue", "blue")))
    Path("in/b.jpg").write_bytes(b"")
    Path("in/d.webp").write_bytes(b"RIFF and no more")
    Path("in/f.heic").write_bytes(b"no image")
    assert run("in", "missing.png", "--model", model) == 1
    said = capsys.readouterr()
    rows = [line.split()[0] for line in said.out.splitlines()[1:]]
    assert rows == [f"in/{name}.png" for name in "aceg"]
    errors = said.err.splitlines()
    for name in ("in/b.jpg", "in/d.webp", "in/f.heic", "missing.png"):
        assert sum(line.startswith(f"{name}: ") for line in errors) == 1
    assert "4 of 8 images could not be read" in said.err
    for name, value in (("a", 1), ("c", 1), ("e", 3), ("g", 3)):  # each has its own mask
        assert Image.open(f"predictions/in/{name}_labels.png").getpixel((0, 0)) == value


def test_large_images_are_segmented_one_at_a_time(workdir, model, monkeypatch):
    held, most = [], []
    segment = Network.segment

    def slow(self, image, **options):
        held.append(1)
        time.sleep(0.05)
        most.append(len(held))
        found = segment(self, image, **options)
        held.pop()
        return found

    monkeypatch.setattr(Network, "segment", slow)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    for name in "abc":
        draw_image(f"{name}.png", size=(900, 600))
    assert run("a.png", "b.png", "c.png", "--model", model) == 0
    assert max(most) > 1
    monkeypatch.setattr(segmenting, "MEGAPIXELS_AT_ONCE", 0.9)
    most.clear()
    assert run("a.png", "b.png", "c.png", "--model", model) == 0
    assert max(most) == 1


def test_format_selects_file_types(workdir, model):
    draw_image("cat.png")
    for name, suffixes in (("png", ("png", "png")), ("webp", ("webp", "webp"))):
        run("cat.png", "--model", model, "--cutout", "--format", name, "--out", name)
        cutout, overlay = suffixes
        assert written(name) == [f"cat_cutout.{cutout}", "cat_labels.png", f"cat_overlay.{overlay}"]
        with Image.open(f"{name}/cat_cutout.{cutout}") as picture:
            assert picture.mode == "RGBA" and picture.getpixel((80, 5))[3] == 0


def test_temperature_changes_probabilities_but_no_label(workdir, model, capsys):
    draw_image("cat.png")
    found = {}
    for temperature in (1, 4):
        options = ("--probabilities", "--temperature", temperature, "--out", temperature)
        assert run("cat.png", "--model", model, *options) == 0
        with np.load(f"{temperature}/cat_probabilities.npz") as stored:
            found[temperature] = stored["probabilities"].astype(np.float32)
    mixed = found[1] ** 0.25 / (found[1] ** 0.25).sum(-1, keepdims=True)
    np.testing.assert_allclose(found[4], mixed, atol=2e-3)
    assert found[4].max(-1).mean() < found[1].max(-1).mean()
    assert Path("1/cat_labels.png").read_bytes() == Path("4/cat_labels.png").read_bytes()
    assert "--temperature 0.0 is not above 0" in str(run("cat.png", "--temperature", 0))


def test_probabilities_sum_to_one_and_match_the_labels(workdir, model):
    draw_image("cat.png")
    assert run("cat.png", "--model", model, "--probabilities") == 0
    with np.load("predictions/cat_probabilities.npz") as stored:
        found, classes = stored["probabilities"], stored["classes"]
    assert classes.tolist() == list(PETS.class_names)
    assert found.shape == (60, 90, 3) and found.dtype == np.float16
    np.testing.assert_allclose(found.sum(axis=-1, dtype=np.float32), 1, atol=2e-3)
    with Image.open("predictions/cat_labels.png") as labels:
        clear = np.abs(found[..., 0] - found[..., 1]) > 0.01
        same = found.argmax(axis=-1) + 1 == np.asarray(labels)
        assert np.all(same[clear])


PIPED = "from petseg.app import predict; predict.main()"


def piped(data: bytes, *arguments) -> subprocess.CompletedProcess:
    command = [sys.executable, "-c", PIPED, "-", *map(str, arguments)]
    return subprocess.run(command, input=data, env=environment(), capture_output=True)


def test_standard_input_gives_a_picture_on_standard_output(workdir, model):
    draw_image("cat.png")
    done = piped(Path("cat.png").read_bytes(), "--model", model, "--cutout")
    assert done.returncode == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout)) as cutout:
        assert cutout.getpixel((5, 5)) == (255, 0, 0, 255) and cutout.getpixel((80, 5))[3] == 0
    done = piped(b"no image", "--model", model)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"error: the photograph is not an image")
    assert written(".") == ["cat.png"]


def test_standard_input_with_other_images_or_json_is_refused(workdir, model):
    assert "gives one picture" in run("-", "a.png", "--model", model)
    assert "gives one picture" in run("-", "--json", "--model", model)


def test_earlier_result_is_replaced_without_leftovers(workdir, model):
    draw_image("cat.png")
    assert run("cat.png", "--model", model) == 0
    before = written("predictions")
    Path("predictions/cat_labels.png").write_bytes(b"old")
    assert run("cat.png", "--model", model) == 0
    assert written("predictions") == before
    assert Image.open("predictions/cat_labels.png").size == (90, 60)


def test_overwriting_an_input_image_is_refused(workdir, model, capsys):
    draw_image("cat.png")
    draw_image("cat_labels.png", "blue", "blue")
    before = Path("cat_labels.png").read_bytes()
    assert "would be overwritten" in run(
        "cat.png", "cat_labels.png", "--model", model, "--out", "."
    )
    assert Path("cat_labels.png").read_bytes() == before
    assert written(".") == ["cat.png", "cat_labels.png"]


def test_folder_without_images_is_refused(workdir, model):
    Path("in").mkdir()
    assert run("in", "--model", model) == "error: no image in in"


@pytest.mark.parametrize(
    ("content", "words"),
    [(None, ["dvc repro", "dvc pull", "--model"]), (b"no model", ["cannot be loaded"])],
)
def test_missing_or_broken_model_is_one_message(workdir, content, words):
    draw_image("cat.png")
    if content:
        Path("mine.keras").write_bytes(content)
    message = run("cat.png", "--model", "mine.keras")
    assert message.startswith("error: mine.keras")
    assert all(word in message for word in words)
    assert not Path("predictions").exists()


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_is_one_message(workdir, model):
    draw_image("cat.png")
    Path("locked").mkdir(mode=0o500)
    assert "cannot be written" in run("cat.png", "--model", model, "--out", "locked")


def test_output_path_that_is_a_file_is_one_message(workdir, model):
    draw_image("cat.png")
    Path("file").touch()
    message = run("cat.png", "--model", model, "--out", "file/below")
    assert message.startswith("error: file/below/cat_labels.png cannot be written")


@pytest.mark.parametrize("option", ["--format=bmp", "--max-megapixels=x", "--colour=red"])
def test_wrong_option_is_refused(option):
    assert run("cat.png", option) == 2


def test_help_does_not_import_tensorflow():
    code = (
        "import sys; from petseg.app import predict\n"
        "try: predict.main(['--help'])\n"
        "finally: assert 'tensorflow' not in sys.modules"
    )
    done = run_python("-c", code)
    assert (done.returncode, done.stderr) == (0, "")
    assert "petseg predict" in done.stdout


def test_every_command_exists_and_is_in_the_help():
    assert all(callable(import_module(f"petseg.app.{name}").main) for name in COMMANDS)
    done = run_python("-m", "petseg", "--help")
    assert all(name in done.stdout for name in COMMANDS)


def test_petseg_is_installed_as_a_command():
    text = (ROOT / "pyproject.toml").read_text()
    module, function = re.search(r'^petseg = "([\w.]+):(\w+)"$', text, re.MULTILINE).groups()
    assert callable(getattr(import_module(module), function))
