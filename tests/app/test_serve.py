"""`petseg serve`: pictures for each network, a word on what is none, and nothing from elsewhere."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import keras
import numpy as np
import pytest
from PIL import Image

from petseg.app import serve
from petseg.core import paths
from petseg.core.errors import PetsegError
from tests.helpers import ROOT, networks
from tests.helpers.specs import CELLS, PETS, add_spec


@pytest.fixture
def model(tmp_path) -> Path:
    """A network that takes red for pet, green for background and blue for border."""
    networks.colours().save(tmp_path / "unet.keras")
    return add_spec(tmp_path / "unet.keras", PETS)


def photograph(size=(90, 60)) -> Image.Image:
    image = Image.new("RGB", size, "lime")
    image.paste("red", (0, 0, size[0] // 2, size[1]))
    return image


def error(*arguments: str) -> str:
    with pytest.raises(SystemExit) as end:
        serve.main(list(arguments))
    return end.value.code


def test_the_cutout_keeps_the_size_and_the_picture_fits_the_page(model):
    network = serve.load(model)
    found = network(photograph())
    assert found.cutout.size == (90, 60) and found.overlay.height > 60
    assert found.cutout.getpixel((5, 5)) == (255, 0, 0, 255)
    assert found.cutout.getpixel((80, 5))[3] == 0
    found = network(photograph((3000, 1500)))
    assert found.cutout.size == (3000, 1500)
    assert found.overlay.width == serve.LARGEST_SHOWN


def test_what_is_transparent_is_seen_on_grey_and_stays_so_in_the_cutout(model):
    image = photograph().convert("RGBA")
    image.paste((255, 0, 0, 0), (0, 0, 45, 60))
    found = serve.load(model)(image)
    red, green, blue = found.overlay.getpixel((5, 30))
    assert red < 200 and abs(green - blue) < 60
    assert found.cutout.getpixel((5, 30))[3] == 0


@pytest.fixture
def cells(tmp_path) -> Path:
    """A network of two classes, of which no region is known, for oblong images."""
    pixels = keras.Input((16, 32, 3))
    keras.Model(pixels, keras.layers.Conv2D(2, 1)(pixels)).save(tmp_path / "cells.keras")
    return add_spec(tmp_path / "cells.keras", CELLS)


def test_a_cutout_needs_a_region(model, cells):
    found = serve.load(cells)(photograph())
    assert found.cutout is None and found.overlay.height > 60
    assert serve.load(cells, region="cell")(photograph()).cutout.size == (90, 60)
    found = serve.load(model, region="background")(photograph())
    assert found.cutout.getpixel((5, 5))[3] == 0 and found.cutout.getpixel((80, 5))[3] == 255
    with pytest.raises(PetsegError, match="no region or class 'dog'"):
        serve.load(model, region="dog")


def test_networks_are_called_as_in_figures():
    both = [paths.model(network) for network in paths.NETWORKS]
    assert [serve._title(path, both) for path in both] == ["U-Net", "Shallow"]
    twins = [Path("a/unet.keras"), Path("b/unet.keras"), Path("mine.keras")]
    assert [serve._title(path, twins) for path in twins] == [str(twins[0]), str(twins[1]), "mine"]


def test_without_gradio_it_says_what_it_needs(model, uninstall):
    uninstall("gradio")
    assert (
        error("--model", str(model))
        == "error: petseg serve needs another package: pip install gradio"
    )


def test_a_missing_model_is_one_message_before_gradio_is_imported(tmp_path, monkeypatch, uninstall):
    uninstall("gradio")
    monkeypatch.chdir(tmp_path)
    message = error("--model", "models/unet.keras")
    assert message.startswith("error: models/unet.keras not found: train the networks")


@pytest.fixture
def blocks(model, tmp_path, monkeypatch):
    pytest.importorskip("gradio", reason="gradio is not installed (extra app)")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "temporary"))
    return serve.page({"U-Net": serve.load(model), "Shallow": serve.load(model)})


def test_the_page_shows_each_network_and_hands_out_its_cutout(blocks, tmp_path):
    (segment,) = (function.fn for function in blocks.fns.values())
    photograph().save(tmp_path / "cat.jpg", quality=95)
    first, second, *buttons = segment(str(tmp_path / "cat.jpg"))
    assert first.size == second.size and first.width >= 90
    assert [Path(button["value"]).name for button in buttons] == [
        "cat_U-Net_cutout.png",
        "cat_Shallow_cutout.png",
    ]
    assert all(button["visible"] for button in buttons)
    assert Image.open(buttons[0]["value"]).mode == "RGBA"


def test_where_there_is_no_cutout_there_is_no_button(model, cells, tmp_path, monkeypatch):
    pytest.importorskip("gradio", reason="gradio is not installed (extra app)")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "temporary"))
    blocks = serve.page({"cells": serve.load(cells), "pets": serve.load(model)})
    (segment,) = (function.fn for function in blocks.fns.values())
    photograph().save(tmp_path / "cat.png")
    *pictures, without, button = segment(str(tmp_path / "cat.png"))
    assert len(pictures) == 2 and all(picture.width >= 90 for picture in pictures)
    assert not without["visible"] and button["visible"]


def test_what_is_no_photograph_gets_a_message(blocks, tmp_path, monkeypatch):
    import gradio

    said = []
    monkeypatch.setattr(gradio, "Warning", lambda message, **_: said.append(message))
    (segment,) = (function.fn for function in blocks.fns.values())
    (tmp_path / "<b>.jpg").write_text("no photograph")
    for file, messages in (
        (None, []),
        (tmp_path / "<b>.jpg", ["&lt;b&gt;.jpg: the photograph is"]),
    ):
        pictures, buttons = np.split(np.array(segment(file and str(file)), object), 2)
        assert list(pictures) == [None, None]
        assert not any(button["visible"] for button in buttons)
        assert [
            message[: len(start)] for message, start in zip(said, messages, strict=True)
        ] == messages


def test_the_page_is_for_this_machine_alone_and_refuses_large_files(blocks):
    port = free_port()
    serve.launch(blocks, port, largest_upload=1)
    try:
        with pytest.raises(OSError):  # not on the machine's other addresses
            socket.create_connection(("127.0.0.2", port), timeout=1).close()
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        address = f"http://{serve.HOST}:{port}"
        text = opener.open(address, timeout=10).read().decode()
        fetched = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=[\"'](https?:[^\"']+)", text)
        assert not fetched
        assert "fonts.googleapis" not in text
        for size, accepted in ((1000, True), (2_000_000, False)):
            body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"\r\n\r\n'
            request = urllib.request.Request(
                f"{address}/gradio_api/upload",
                body + bytes(size) + b"\r\n--x--\r\n",
                {"Content-Type": "multipart/form-data; boundary=x"},
            )
            if accepted:
                assert opener.open(request, timeout=10).status == 200
            else:
                with pytest.raises(urllib.error.HTTPError) as refused:
                    opener.open(request, timeout=10)
                assert refused.value.code == 413
    finally:
        blocks.close()


def test_a_taken_port_is_one_message(blocks):
    message = r"cannot be served: .*; try another --port"
    with socket.create_server((serve.HOST, 0)) as taken, pytest.raises(PetsegError, match=message):
        serve.launch(blocks, taken.getsockname()[1], largest_upload=1)


def free_port() -> int:
    with socket.socket() as free:
        free.bind((serve.HOST, 0))
        return free.getsockname()[1]


SERVE = """
import signal, sys
if hasattr(signal, "SIGHUP"):  # these tests may run under nohup, which makes all ignore it
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
from petseg.app import serve
serve.load = lambda *options: lambda image: serve.Segmented(image, image.convert("RGBA"))
serve.main(["--port", sys.argv[1]])
"""
"""The page with networks that need no TensorFlow, which takes long to import."""


@pytest.fixture
def served(tmp_path):
    """A page in a process of its own, with a photograph on it; and its temporary folder."""
    pytest.importorskip("gradio", reason="gradio is not installed (extra app)")
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    for network in paths.NETWORKS:
        (tmp_path / paths.model(network)).parent.mkdir(exist_ok=True)
        (tmp_path / paths.model(network)).touch()
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(port)],
        env=os.environ | {"TMPDIR": str(temporary), "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert f":{port} " in process.stdout.readline()
        use(f"http://{serve.HOST}:{port}/gradio_api", tmp_path)
        assert {path.suffix for path in temporary.rglob("cat*")} == {".jpg", ".png"}
        yield process, temporary
    finally:
        process.kill()
        process.communicate()


def use(api: str, folder: Path) -> None:
    """Uploads a photograph as a browser does, and waits until the page has its cutout."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    photograph().save(folder / "cat.jpg")
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="cat.jpg"\r\n\r\n'
    body += (folder / "cat.jpg").read_bytes() + b"\r\n--x--\r\n"
    form = {"Content-Type": "multipart/form-data; boundary=x"}
    upload = urllib.request.Request(f"{api}/upload", body, form)
    (path,) = json.load(opener.open(upload, timeout=30))
    file = {"path": path, "orig_name": "cat.jpg", "meta": {"_type": "gradio.FileData"}}
    config = json.load(opener.open(api.replace("gradio_api", "config"), timeout=30))
    call = {"data": [file], "fn_index": config["dependencies"][0]["id"], "session_hash": "me"}
    join = urllib.request.Request(
        f"{api}/queue/join", json.dumps(call).encode(), {"Content-Type": "application/json"}
    )
    opener.open(join, timeout=30).close()
    with opener.open(f"{api}/queue/data?session_hash=me", timeout=60) as events:
        for line in events:
            if b"process_completed" in line:
                assert json.loads(line.removeprefix(b"data:"))["success"]
                return


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals")
@pytest.mark.parametrize(
    "name",
    ["SIGTERM", *(pytest.param(name, marks=pytest.mark.slow) for name in ("SIGINT", "SIGHUP"))],
)
def test_no_photograph_stays_when_the_page_is_stopped(served, name):
    process, temporary = served
    process.stdout.close(), process.stderr.close()  # as those of a closed terminal
    process.send_signal(getattr(signal, name))
    time.sleep(0.05)
    process.send_signal(getattr(signal, name))  # a shell sends it as well as the terminal
    assert process.wait(timeout=30) == 0
    assert not list(temporary.glob("petseg-*")) and not list(temporary.rglob("*cat*"))


def test_an_ignored_signal_stays_ignored():
    """As nohup has it."""
    code = (
        "import os, signal\n"
        "from petseg.app import serve\n"
        "signal.signal(signal.SIGHUP, signal.SIG_IGN)\n"
        "serve.end_as_on_ctrl_c()\n"
        "os.kill(os.getpid(), signal.SIGHUP)\n"
        "try: os.kill(os.getpid(), signal.SIGTERM)\n"
        "except KeyboardInterrupt: print('stopped')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "stopped\n")
