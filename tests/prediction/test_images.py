"""Images of all kinds, as networks at work take them: upright, in RGB or RGBA, or with a reason."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg.prediction import images
from tests.helpers.images import as_stored, exif


def picture(mode: str = "RGB") -> Image.Image:
    """Red at its upper left corner, 6 wide and 4 high."""
    image = Image.new("RGB", (6, 4), "blue")
    image.paste("red", (0, 0, 2, 2))
    return image.convert(mode)


@pytest.mark.parametrize("suffix", [".gif", ".tif", ".webp", ".png"])
def test_of_several_frames_the_first_is_taken(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    more = [Image.new("RGB", (6, 4), "lime")] * 2
    options = {"lossless": True} if suffix == ".webp" else {}
    Image.new("RGB", (6, 4), "red").save(path, save_all=True, append_images=more, **options)
    with Image.open(path) as image:
        assert image.n_frames > 1
    assert images.read(path).getpixel((3, 2)) == (255, 0, 0)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_formats(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    picture().save(path, quality=100)
    image = images.read(path)
    assert (image.mode, image.size) == ("RGB", (6, 4))
    red, _, blue = image.getpixel((0, 0))
    assert red > blue


def test_transparency_is_kept_for_the_cutout(tmp_path):
    image = picture("RGBA")
    image.putpixel((5, 3), (1, 2, 3, 40))
    image.save(tmp_path / "a.png")
    found = images.read(tmp_path / "a.png")
    assert (found.mode, found.getpixel((5, 3))) == ("RGBA", (1, 2, 3, 40))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "1"])
def test_any_colours_become_rgb(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    picture(mode).save(path)
    assert images.read(path).mode == "RGB"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_a_photograph_stands_upright(tmp_path, orientation, suffix):
    """Each orientation tells how the stored picture has to be turned to have red upper left."""
    stored = as_stored(picture(), orientation)
    path = tmp_path / f"a{suffix}"
    stored.resize([8 * side for side in stored.size], 0).save(
        path, exif=exif(orientation), quality=95
    )
    image = images.read(path)
    assert image.size == (48, 32)
    red, _, blue = image.getpixel((4, 4))
    assert red > 200 > 50 > blue


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"not a photograph", "not an image"),
        (b"\xff\xd8\xff\xe0", "not an image"),
        (None, "No such file"),
    ],
)
def test_a_broken_file_has_a_reason(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(images.BadImage, match=reason):
        images.read(path)


def test_a_truncated_file_has_a_reason(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:1000])
    with pytest.raises(images.BadImage, match=r"[Tt]runcated"):
        images.read(tmp_path / "a.jpg")


def test_a_picture_that_would_fill_the_memory_is_refused_with_a_way_on(tmp_path, monkeypatch):
    Image.new("1", (1500, 1000)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    words = "more than 1 megapixels, the limit; reduce it first, or raise it with --max-megapixels"
    with pytest.raises(images.BadImage, match=words):
        images.read(tmp_path / "a.png")


def test_heic_says_what_it_needs(tmp_path, uninstall):
    uninstall("pillow_heif")
    (tmp_path / "a.HEIC").write_bytes(b"ftypheic")
    with pytest.raises(images.BadImage, match="pip install pillow-heif"):
        images.read(tmp_path / "a.HEIC")


def test_heic(tmp_path):
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed (extra heic)")
    heif.from_pillow(picture().resize((64, 48))).save(tmp_path / "a.heic", quality=90)
    image = images.read(tmp_path / "a.heic")
    assert (image.mode, image.size) == ("RGB", (64, 48))
    red, _, blue = image.getpixel((5, 5))
    assert red > 200 > 50 > blue


def test_only_profiles_of_rgb_are_handed_on():
    image = picture()
    assert images.colour_profile(image) is None
    for space, handed_on in ((b"RGB ", True), (b"CMYK", False), (b"GRAY", False)):
        image.info["icc_profile"] = bytes(16) + space + bytes(108)
        assert bool(images.colour_profile(image)) == handed_on


def test_a_path_its_bytes_its_image_and_its_array_are_the_same_image(tmp_path):
    path = tmp_path / "a.png"
    picture().save(path)
    with Image.open(path) as opened:
        sources = [path, str(path), path.read_bytes(), opened, np.asarray(picture())]
        found = [images.read(source) for source in sources]
    assert all(np.array_equal(image, picture()) for image in found)
    assert images.read(np.zeros((4, 6), np.uint8)).mode == "RGB"


@pytest.mark.parametrize(
    "source", [np.zeros((4, 6, 3)), np.zeros((4, 6, 2), np.uint8), np.zeros(4, np.uint8)]
)
def test_an_array_that_is_no_image_is_refused(source):
    with pytest.raises(images.BadImage, match="is no image; expected was uint8"):
        images.read(source)


def test_a_damaged_image_of_pillow_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    Path(tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:1000])
    with (
        Image.open(tmp_path / "b.jpg") as image,
        pytest.raises(images.BadImage, match="cannot be decoded"),
    ):
        images.read(image)
