"""Images are read upright, as RGB or RGBA, or refused with a reason."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg.prediction import images
from tests.helpers.images import as_stored, exif


def picture(mode: str = "RGB") -> Image.Image:
    """An image 6 wide, 4 high, with a red upper left corner."""
    image = Image.new("RGB", (6, 4), "blue")
    image.paste("red", (0, 0, 2, 2))
    return image.convert(mode)


@pytest.mark.parametrize("suffix", [".gif", ".tif", ".webp", ".png"])
def test_first_of_several_frames_is_read(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    more = [Image.new("RGB", (6, 4), "lime")] * 2
    options = {"lossless": True} if suffix == ".webp" else {}
    Image.new("RGB", (6, 4), "red").save(path, save_all=True, append_images=more, **options)
    with Image.open(path) as image:
        assert image.n_frames > 1
    assert images.read(path).getpixel((3, 2)) == (255, 0, 0)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_common_formats_are_read(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    picture().save(path, quality=100)
    image = images.read(path)
    assert (image.mode, image.size) == ("RGB", (6, 4))
    red, _, blue = image.getpixel((0, 0))
    assert red > blue


def test_transparency_is_kept(tmp_path):
    image = picture("RGBA")
    image.putpixel((5, 3), (1, 2, 3, 40))
    image.save(tmp_path / "a.png")
    found = images.read(tmp_path / "a.png")
    assert (found.mode, found.getpixel((5, 3))) == ("RGBA", (1, 2, 3, 40))


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "LA", "CMYK", "1"])
def test_any_colour_mode_becomes_rgb(tmp_path, mode):
    path = tmp_path / ("a.jpg" if mode == "CMYK" else "a.png")
    picture(mode).save(path)
    assert images.read(path).mode == "RGB"


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_image_is_rotated_upright_by_its_exif(tmp_path, orientation, suffix):
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
        (b"not an image", "not an image"),
        (b"\xff\xd8\xff\xe0", "not an image"),
        (None, "No such file"),
    ],
)
def test_broken_file_is_refused_with_a_reason(tmp_path, content, reason):
    path = tmp_path / "a.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(images.BadImage, match=reason):
        images.read(path)


def test_truncated_file_is_refused_with_a_reason(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:1000])
    with pytest.raises(images.BadImage, match=r"[Tt]runcated"):
        images.read(tmp_path / "a.jpg")


def test_image_above_the_pixel_limit_is_refused_with_a_hint(tmp_path, monkeypatch):
    Image.new("1", (1500, 1000)).save(tmp_path / "a.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    words = "more than 1 megapixels, the limit; reduce it first, or raise it with --max-megapixels"
    with pytest.raises(images.BadImage, match=words):
        images.read(tmp_path / "a.png")


def test_heic_without_its_package_is_refused_with_a_hint(tmp_path, uninstall):
    uninstall("pillow_heif")
    (tmp_path / "a.HEIC").write_bytes(b"ftypheic")
    with pytest.raises(images.BadImage, match="pip install pillow-heif"):
        images.read(tmp_path / "a.HEIC")


def test_heic_is_read(tmp_path):
    heif = pytest.importorskip("pillow_heif", reason="pillow-heif is not installed (extra heic)")
    heif.from_pillow(picture().resize((64, 48))).save(tmp_path / "a.heic", quality=90)
    image = images.read(tmp_path / "a.heic")
    assert (image.mode, image.size) == ("RGB", (64, 48))
    red, _, blue = image.getpixel((5, 5))
    assert red > 200 > 50 > blue


def test_only_rgb_colour_profiles_are_returned():
    image = picture()
    assert images.colour_profile(image) is None
    for space, returned in ((b"RGB ", True), (b"CMYK", False), (b"GRAY", False)):
        image.info["icc_profile"] = bytes(16) + space + bytes(108)
        assert bool(images.colour_profile(image)) == returned


def test_path_bytes_image_and_array_give_the_same_image(tmp_path):
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
def test_array_that_is_no_image_is_refused(source):
    with pytest.raises(images.BadImage, match="is no image; expected uint8"):
        images.read(source)


def test_damaged_pillow_image_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "a.jpg")
    Path(tmp_path / "b.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:1000])
    with (
        Image.open(tmp_path / "b.jpg") as image,
        pytest.raises(images.BadImage, match="cannot be decoded"),
    ):
        images.read(image)
