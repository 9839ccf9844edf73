"""`petseg serve`: pictures for each network, a word on what is none, and nothing from elsewhere."""

import re
import socket
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg import paths, serve
from petseg.errors import PetsegError
from tests.helpers import networks


@pytest.fixture
def model(tmp_path) -> Path:
    """A network that takes red for pet, green for background and blue for border."""
    networks.colours().save(tmp_path / "unet.keras")
    return tmp_path / "unet.keras"


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


def test_networks_are_called_as_in_figures():
    both = [paths.model(network) for network in paths.NETWORKS]
    assert [serve._title(path, both) for path in both] == ["U-Net", "Shallow"]
    twins = [Path("a/unet.keras"), Path("b/unet.keras"), Path("mine.keras")]
    assert [serve._title(path, twins) for path in twins] == [str(twins[0]), str(twins[1]), "mine"]


def test_without_gradio_it_says_what_it_needs(uninstall):
    uninstall("gradio")
    assert error() == "error: petseg serve needs another package: pip install gradio"


def test_a_missing_model_is_one_message(tmp_path, monkeypatch):
    pytest.importorskip("gradio", reason="gradio is not installed (extra app)")
    monkeypatch.chdir(tmp_path)
    assert error().startswith("error: models/unet.keras not found: train the networks")


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
    with socket.socket() as free:
        free.bind((serve.HOST, 0))
        port = free.getsockname()[1]
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
