"""Finds images, names their results, and never overwrites an image."""

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
    """Returns images -> their results, relative to `out`."""
    result = images.find(map(Path, sources), Path(out))
    return {path.relative_to(Path.cwd()).as_posix(): to.as_posix() for path, to in result.items()}


def test_named_file_is_accepted_with_any_suffix(workdir):
    touch("a/cat.jpg", "b/dog.dat")
    assert found("a/cat.jpg") == {"a/cat.jpg": "cat"}
    assert found("b/dog.dat") == {"b/dog.dat": "dog"}
    assert found("nowhere.jpg") == {"nowhere.jpg": "nowhere"}


def test_folders_are_searched_recursively(workdir):
    touch("in/b.JPG", "in/a.png", "in/sub/c.webp", "in/sub/deep/d.jpeg", "in/e.heic")
    touch("in/notes.txt", "in/.hidden.jpg", "in/.thumbnails/f.jpg", "in/._a.png")
    (workdir / "in" / "folder.jpg").mkdir()
    assert found("in") == {
        "in/a.png": "a",
        "in/b.JPG": "b",
        "in/e.heic": "e",
        "in/sub/c.webp": "sub/c",
        "in/sub/deep/d.jpeg": "sub/deep/d",
    }


def test_content_decides_for_unknown_suffixes(workdir):
    image = Image.new("RGB", (6, 4), "red")
    Path("in").mkdir()
    for suffix in ("tif", "TIFF", "bmp", "gif", "jfif", "avif", "mpo"):
        touch(f"in/by_suffix.{suffix}")
    for name, file_format in (("IMG_1", "JPEG"), ("b.download", "PNG"), ("c.gif_", "GIF")):
        image.save(f"in/{name}", file_format)
    touch("in/weights.h5", "in/table.hdf", "in/figure.eps", "in/figure.pdf", "in/film.mpg")
    image.save("in/preview.dng", "TIFF")  # like the start of a raw camera file
    Path("in/notes.txt").write_text("BMX, GIFs and RIFF-raff", encoding="utf-8")
    Path("in/bytes").write_bytes(bytes(range(256)))
    touch("in/empty", "in/none.csv")
    suffixes = {Path(name).suffix for name in found("in") if "by_suffix" in name}
    assert suffixes == {".tif", ".TIFF", ".bmp", ".gif", ".jfif", ".avif", ".mpo"}
    others = {name for name in found("in") if "by_suffix" not in name}
    assert others == {"in/IMG_1", "in/b.download", "in/c.gif_"}


def test_too_large_image_without_suffix_is_found(workdir, monkeypatch):
    Path("in").mkdir()
    Image.new("RGB", (6, 4), "red").save("in/a", "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 5)
    assert found("in") == {"in/a": "a"}


def test_image_given_twice_is_found_once(workdir):
    touch("in/a.png")
    assert found("in", "in/a.png", "./in/../in") == {"in/a.png": "a"}


def test_equal_names_in_different_folders_stay_apart(workdir):
    touch("x/cat.jpg", "y/cat.jpg", "y/z/cat.jpg")
    assert found("x", "y") == {
        "x/cat.jpg": "x/cat",
        "y/cat.jpg": "y/cat",
        "y/z/cat.jpg": "y/z/cat",
    }
    assert found("x/cat.jpg", "y/z/cat.jpg") == {"x/cat.jpg": "x/cat", "y/z/cat.jpg": "y/z/cat"}


def test_equal_stems_in_one_folder_keep_their_suffixes(workdir):
    touch("in/cat.jpg", "in/Cat.png", "in/cat.jpg.webp", "in/sub/dog.jpg")
    results = found("in")
    assert results["in/sub/dog.jpg"] == "sub/dog"
    assert sorted(results.values()) == ["Cat.png", "cat.jpg", "cat.jpg.webp", "sub/dog"]


def test_earlier_results_are_not_found(workdir):
    touch("a.jpg", "out/a_overlay.png")
    assert found(".") == {"a.jpg": "a"}


def test_images_inside_the_output_folder_may_be_named(workdir):
    touch("out/in/a.jpg")
    assert found("out/in") == {"out/in/a.jpg": "a"}


def test_output_folder_with_the_images_is_refused(workdir):
    touch("in/a.jpg")
    with pytest.raises(PetsegError, match=r"in contains the images .* --out"):
        found("in", out="in")


@pytest.mark.parametrize("link", [False, True])
def test_overwriting_an_image_is_refused(workdir, link):
    touch("a.jpg", "out/a_labels.png")
    image = Path("out/a_labels.png")
    if link:
        Path("other.png").symlink_to(image)
        image = Path("other.png")
    with pytest.raises(PetsegError, match=r"out/a_labels\.png is one of the images"):
        images.refuse_to_overwrite([Path("a.jpg"), image], [Path("out/a_labels.png")])
    images.refuse_to_overwrite([Path("a.jpg")], [Path("out/a_labels.png"), Path("new.png")])
