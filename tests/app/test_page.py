"""The page of `petseg serve`: overlays, cutouts, and messages for bad files."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg.app import page
from petseg.core.errors import PetsegError
from petseg.prediction import network
from tests.helpers import networks
from tests.helpers.images import half_red
from tests.helpers.specs import CELLS


@pytest.fixture
def model(tmp_path) -> Path:
    """Predicts pet for red, background for green, border for blue."""
    return networks.save(networks.colours(), tmp_path / "unet.keras")


def segmenter(model: Path, region: str | None = None) -> page.Segment:
    return page.segmenter(network.load(model), region)


def test_cutout_keeps_the_size_and_overlay_fits_the_page(model):
    segment = segmenter(model)
    found = segment(half_red())
    assert found.cutout.size == (90, 60) and found.overlay.height > 60
    assert found.cutout.getpixel((5, 5)) == (255, 0, 0, 255)
    assert found.cutout.getpixel((80, 5))[3] == 0
    found = segment(half_red((3000, 1500)))
    assert found.cutout.size == (3000, 1500)
    assert found.overlay.width == page.LARGEST_SHOWN


def test_transparent_pixels_are_grey_and_stay_transparent(model):
    image = half_red().convert("RGBA")
    image.paste((255, 0, 0, 0), (0, 0, 45, 60))
    found = segmenter(model)(image)
    red, green, blue = found.overlay.getpixel((5, 30))
    assert red < 200 and abs(green - blue) < 60
    assert found.cutout.getpixel((5, 30))[3] == 0


@pytest.fixture
def cells(tmp_path) -> Path:
    """A network for oblong images, without regions."""
    return networks.save(networks.pointwise((16, 32), 2), tmp_path / "cells.keras", CELLS)


def test_cutout_needs_a_region_or_class(model, cells):
    found = segmenter(cells)(half_red())
    assert found.cutout is None and found.overlay.height > 60
    assert segmenter(cells, region="cell")(half_red()).cutout.size == (90, 60)
    found = segmenter(model, region="background")(half_red())
    assert found.cutout.getpixel((5, 5))[3] == 0 and found.cutout.getpixel((80, 5))[3] == 255
    with pytest.raises(PetsegError, match="no region or class 'dog'"):
        segmenter(model, region="dog")


@pytest.fixture
def blocks(model, tmp_path, monkeypatch):
    pytest.importorskip("gradio", reason="gradio is not installed (extra app)")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "temporary"))
    return page.page({"U-Net": segmenter(model), "Shallow": segmenter(model)})


def test_page_shows_each_network_and_offers_its_cutout(blocks, tmp_path):
    (segment,) = (function.fn for function in blocks.fns.values())
    half_red().save(tmp_path / "cat.jpg", quality=95)
    first, second, *buttons = segment(str(tmp_path / "cat.jpg"))
    assert first.size == second.size and first.width >= 90
    assert [Path(button["value"]).name for button in buttons] == [
        "cat_U-Net_cutout.png",
        "cat_Shallow_cutout.png",
    ]
    assert all(button["visible"] for button in buttons)
    assert Image.open(buttons[0]["value"]).mode == "RGBA"


def test_button_is_hidden_without_a_cutout(model, cells, tmp_path, monkeypatch):
    pytest.importorskip("gradio", reason="gradio is not installed (extra app)")
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "temporary"))
    blocks = page.page({"cells": segmenter(cells), "pets": segmenter(model)})
    (segment,) = (function.fn for function in blocks.fns.values())
    half_red().save(tmp_path / "cat.png")
    *pictures, without, button = segment(str(tmp_path / "cat.png"))
    assert len(pictures) == 2 and all(picture.width >= 90 for picture in pictures)
    assert not without["visible"] and button["visible"]


def test_file_that_is_no_image_gets_a_warning(blocks, tmp_path, monkeypatch):
    import gradio

    said = []
    monkeypatch.setattr(gradio, "Warning", lambda message, **_: said.append(message))
    (segment,) = (function.fn for function in blocks.fns.values())
    (tmp_path / "<b>.jpg").write_text("no image")
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
