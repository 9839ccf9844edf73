"""Which photographs are meant, and that none is ever overwritten."""

from pathlib import Path

import pytest
from PIL import Image

from petseg.app import images
from petseg.core.errors import PetsegError


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
    image = Image.new("RGB", (6, 4), "red")
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
    Image.new("RGB", (6, 4), "red").save("in/a", "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    assert found("in") == {"in/a": "a"}


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
