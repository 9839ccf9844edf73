"""`--runner beam` gives the same as `petseg predict`, even if a worker dies."""

import csv
import json
import shutil
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from petseg.app import predict, predict_many
from petseg.core import beam
from tests.helpers import ROOT
from tests.helpers.beam import IN_THIS_PROCESS, TWO_PROCESSES, two_workers
from tests.helpers.commands import exit_code
from tests.helpers.images import CHELSEA
from tests.helpers.processes import environment

pytest.importorskip("apache_beam")

MODEL = ROOT / "pretrained/shallow.tflite"


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """Four images, two with one stem, a damaged image and a text."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in/deep").mkdir(parents=True)
    with Image.open(CHELSEA) as image:
        for number, name in enumerate(["a.jpg", "b.png", "deep/a.png", "deep/a.webp"]):
            image.reduce(number + 1).save(tmp_path / "in" / name)
    (tmp_path / "in/broken.jpg").write_bytes(CHELSEA.read_bytes()[:5000])
    (tmp_path / "in/notes.txt").write_text("no image")
    return tmp_path


run = partial(exit_code, predict.main, "--model", MODEL)
on_beam = partial(run, "--runner", "beam", "--beam-options", " ".join(IN_THIS_PROCESS))


def pictures(folder: str) -> dict[str, bytes]:
    paths = Path(folder).rglob("*_*.*")
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def table(folder: str, name: str) -> list[dict[str, str]]:
    rows = []
    for path in sorted(Path(folder).glob(f"{name}-*.csv")):
        with open(path, encoding="utf-8", newline="") as stream:
            rows += csv.DictReader(stream)
    return rows


def test_pictures_and_shares_equal_those_of_a_local_run(folder, capsys):
    assert run("in", "--out", "local", "--cutout", "--json") == 1
    expected = json.loads(capsys.readouterr().out)["photographs"]
    assert on_beam("in/**", "out", "--cutout") == 1
    assert pictures("out") == pictures("local")
    found = table("out", "shares")
    assert [row["image"] for row in found] == [str(folder / one["photograph"]) for one in expected]
    for row, one in zip(found, expected, strict=True):
        assert (int(row["width"]), int(row["height"])) == (one["width"], one["height"])
        for name, share in one["shares"].items():
            assert float(row[name]) == pytest.approx(share, abs=1e-5)
        assert float(row["region pet"]) == pytest.approx(one["regions"]["pet"], abs=1e-5)
    failed = table("out", "failed")
    assert [row["image"] for row in failed] == [str(folder / "in" / n) for n in UNREADABLE]
    said = capsys.readouterr()
    assert "4 images; their shares are in" in said.out
    assert f"{folder}/in/notes.txt: the photograph is not an image" in said.err
    assert "2 could not be read" in said.err


UNREADABLE = ["broken.jpg", "notes.txt"]


def test_interrupted_run_resumes_with_missing_parts(folder, monkeypatch):
    Path("in/broken.jpg").unlink()
    Path("in/notes.txt").unlink()
    assert on_beam("in/**", "out") == 0
    before = pictures("out")
    (first, *_) = sorted(Path("out").glob("shares-*.csv"))
    first.unlink()
    Path("out/a_labels.png").unlink()
    segmented = []
    save = predict_many.segmenting.save
    monkeypatch.setattr(
        predict_many.segmenting, "save", lambda *given: (segmented.append(1), save(*given))
    )
    assert on_beam("in/**", "out") == 0
    assert pictures("out") == before
    assert len(segmented) == 2  # labels and overlay of one image


def test_folder_with_results_of_another_run_is_refused(folder):
    assert on_beam("in/*.png", "out") == 0
    for change in (("in/*.jpg",), ("in/*.png", "--cutout"), ("in/*.png", "--flip")):
        pattern, *options = change
        assert f"{folder}/out holds results of another run" in on_beam(pattern, "out", *options)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["in/*.gif", "out"], "no image at"),
        (["in/*.png"], "takes two arguments, PATTERN and OUT"),
        (["in/*.png", "out", "--json"], "takes two arguments, PATTERN and OUT"),
        (["in/*.png", "--out", "out"], "takes two arguments, PATTERN and OUT"),
    ],
)
def test_wrong_arguments_are_refused(folder, arguments, said):
    assert said in on_beam(*arguments)


def test_images_above_the_limit_are_listed_as_failed(folder):
    Image.new("1", (1500, 1000)).save("in/large.png")
    limit = Image.MAX_IMAGE_PIXELS
    try:
        assert on_beam("in/l*.png", "out", "--max-megapixels", 1) == 1
    finally:
        Image.MAX_IMAGE_PIXELS = limit
    assert "more than 1 megapixels" in table("out", "failed")[0]["reason"]


def test_missing_beam_is_reported_with_its_extra(folder, monkeypatch):
    monkeypatch.setattr(beam.importlib.util, "find_spec", lambda name: None)
    assert "pip install 'petseg[beam]'" in on_beam("in/*.png", "out")


def start(out: str, **variables) -> subprocess.Popen:
    command = [sys.executable, "-m", "petseg", "predict", "--runner", "beam", "--model", str(MODEL)]
    return subprocess.Popen(
        [*command, "in/*", out],
        env=environment(**variables),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def many(folder: Path) -> dict[str, bytes]:
    """Writes eighty images; returns the pictures of a local run."""
    shutil.rmtree("in")
    Path("in").mkdir()
    for number in range(80):
        shutil.copy(CHELSEA, f"in/{number:02d}.jpg")
    assert run("in", "--out", "local") == 0
    return pictures("local")


@pytest.mark.slow
def test_several_processes_write_the_same_pictures(folder):
    expected = many(folder)
    process = start("out", **{beam.OPTIONS_VARIABLE: " ".join(TWO_PROCESSES)})
    _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert pictures("out") == expected


@pytest.mark.slow
def test_cluster_with_a_killed_worker_writes_the_same_pictures(folder):
    expected = many(folder)
    with two_workers() as (options, kill_one):
        process = start("out", **{beam.OPTIONS_VARIABLE: options})
        end = time.monotonic() + 300
        while not list(Path().glob("out/shares-*")) and time.monotonic() < end:
            time.sleep(0.02)
        kill_one()
        _, said = process.communicate(timeout=600)
    assert process.returncode == 0, said
    assert pictures("out") == expected
    assert len(table("out", "shares")) == 80
