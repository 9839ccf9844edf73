"""Which photographs are meant, how they are read, and that none is ever overwritten."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from petseg.app import images
from petseg.core.errors import PetsegError
from tests.helpers.exif import lying


@pytest.fixture
def home(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def touch(*names: str) -> None:
    for name in names:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()


def found(*sources: str, out: str = "out") -> dict[str, str]:
    """Photographs, relative to the working folder, and their results, relative to `out`."""
    result = images.find(map(Path, sources), Path(out))
    return {path.relative_to(Path.cwd()).as_posix(): to.as_posix() for path, to in result.items()}


def test_a_file_is_taken_whatever_it_is_called(home):
    touch("a/cat.jpg", "b/dog.dat")
    assert found("a/cat.jpg") == {"a/cat.jpg": "cat"}
    assert found("b/dog.dat") == {"b/dog.dat": "dog"}
    assert found("nowhere.jpg") == {"nowhere.jpg": "nowhere"}


def test_folders_are_searched_for_photographs_with_all_below_them(home):
    touch("in/b.JPG", "in/a.png", "in/sub/c.webp", "in/sub/deep/d.jpeg", "in/e.heic")
    touch("in/notes.txt", "in/.hidden.jpg", "in/.thumbnails/f.jpg", "in/._a.png")
    (home / "in" / "folder.jpg").mkdir()
    assert found("in") == {
        "in/a.png": "a",
        "in/b.JPG": "b",
        "in/e.heic": "e",
        "in/sub/c.webp": "sub/c",
        "in/sub/deep/d.jpeg": "sub/deep/d",
    }


def test_content_decides_where_a_name_says_nothing(home):
    image = picture()
    Path("in").mkdir()
    for suffix in ("tif", "TIFF", "bmp", "gif", "jfif", "avif", "mpo"):
        touch(f"in/by_suffix.{suffix}")
    for name, file_format in (("IMG_1", "JPEG"), ("b.download", "PNG"), ("c.gif_", "GIF")):
        image.save(f"in/{name}", file_format)
    touch("in/weights.h5", "in/table.hdf", "in/figure.eps", "in/figure.pdf", "in/film.mpg")
    image.save("in/preview.dng", "TIFF")  # as a camera's raw file starts
    Path("in/notes.txt").write_text("BMX, GIFs and RIFF-raff")
    Path("in/bytes").write_bytes(bytes(range(256)))
    touch("in/empty", "in/none.csv")
    suffixes = {Path(name).suffix for name in found("in") if "by_suffix" in name}
    assert suffixes == {".tif", ".TIFF", ".bmp", ".gif", ".jfif", ".avif", ".mpo"}
    others = {name for name in found("in") if "by_suffix" not in name}
    assert others == {"in/IMG_1", "in/b.download", "in/c.gif_"}


def test_what_is_too_large_is_found_under_any_name_and_reported(home, monkeypatch):
    Path("in").mkdir()
    picture().save("in/a", "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    assert found("in") == {"in/a": "a"}


@pytest.mark.parametrize("suffix", [".gif", ".tif", ".webp", ".png"])
def test_of_several_frames_the_first_is_taken(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    more = [Image.new("RGB", (6, 4), "lime")] * 2
    options = {"lossless": True} if suffix == ".webp" else {}
    Image.new("RGB", (6, 4), "red").save(path, save_all=True, append_images=more, **options)
    assert Image.open(path).n_frames > 1
    assert images.read(path).getpixel((3, 2)) == (255, 0, 0)


def test_a_photograph_named_twice_is_taken_once(home):
    touch("in/a.png")
    assert found("in", "in/a.png", "./in/../in") == {"in/a.png": "a"}


def test_equal_names_in_different_folders_do_not_meet(home):
    touch("x/cat.jpg", "y/cat.jpg", "y/z/cat.jpg")
    assert found("x", "y") == {
        "x/cat.jpg": "x/cat",
        "y/cat.jpg": "y/cat",
        "y/z/cat.jpg": "y/z/cat",
    }
    assert found("x/cat.jpg", "y/z/cat.jpg") == {"x/cat.jpg": "x/cat", "y/z/cat.jpg": "y/z/cat"}


def test_equal_names_of_one_folder_keep_what_tells_them_apart(home):
    touch("in/cat.jpg", "in/Cat.png", "in/cat.jpg.webp", "in/sub/dog.jpg")
    results = found("in")
    assert results["in/sub/dog.jpg"] == "sub/dog"
    assert sorted(results.values()) == ["Cat.png", "cat.jpg", "cat.jpg.webp", "sub/dog"]


def test_results_of_an_earlier_run_are_no_photographs(home):
    touch("a.jpg", "out/a_overlay.png")
    assert found(".") == {"a.jpg": "a"}


def test_photographs_may_lie_below_the_folder_of_results(home):
    touch("out/in/a.jpg")
    assert found("out/in") == {"out/in/a.jpg": "a"}


def test_results_do_not_go_among_the_photographs(home):
    touch("in/a.jpg")
    with pytest.raises(PetsegError, match=r"in holds the images .* --out"):
        found("in", out="in")


@pytest.mark.parametrize("link", [False, True])
def test_a_photograph_is_never_overwritten(home, link):
    touch("a.jpg", "out/a_labels.png")
    photograph = Path("out/a_labels.png")
    if link:
        Path("other.png").symlink_to(photograph)
        photograph = Path("other.png")
    with pytest.raises(PetsegError, match=r"out/a_labels\.png is one of the images"):
        images.refuse_to_overwrite([Path("a.jpg"), photograph], [Path("out/a_labels.png")])
    images.refuse_to_overwrite([Path("a.jpg")], [Path("out/a_labels.png"), Path("new.png")])


def picture(mode: str = "RGB") -> Image.Image:
    """Red at its upper left corner, 6 wide and 4 high."""
    image = Image.new("RGB", (6, 4), "blue")
    image.paste("red", (0, 0, 2, 2))
    return image.convert(mode)


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
    stored = lying(picture(), orientation)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / f"a{suffix}"
    stored.resize([8 * side for side in stored.size], 0).save(path, exif=exif, quality=95)
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
