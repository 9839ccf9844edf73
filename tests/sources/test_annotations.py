"""Masks are drawn from COCO and LabelMe annotations."""

import base64
import io
import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_masks

from petseg.core.dataset_spec import parse_spec
from petseg.core.errors import PetsegError
from petseg.sources import annotations

CLASSES = [
    {"name": "ground", "value": 7},
    {"name": "cat", "value": [1, 5]},
    {"name": "dog", "value": 2},
]
SPEC = parse_spec({"name": "farm", "classes": CLASSES, "void": [9, 255]}, "test")
WITHOUT_VOID = parse_spec({"name": "farm", "classes": CLASSES}, "test")
SIZE = (12, 16)


def box(left, top, right, bottom) -> list[int]:
    return [left, top, right, top, right, bottom, left, bottom]


def expected(unlabelled: int, *boxes) -> np.ndarray:
    """A mask with boxes: value, left, top, right, bottom."""
    mask = np.full(SIZE, unlabelled)
    for value, left, top, right, bottom in boxes:
        mask[top:bottom, left:right] = value
    return mask


def decoded(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


def coco(folder: Path, *segmentations, **changes) -> annotations.Coco:
    """Annotates a.jpg with (category id, segmentation)."""
    content = {
        "images": [
            {"id": 30, "file_name": "a.jpg", "height": SIZE[0], "width": SIZE[1]},
            {"id": 4, "file_name": "sub/b.jpg", "height": SIZE[0], "width": SIZE[1]},
        ],
        "categories": [{"id": 8, "name": "cat"}, {"id": 3, "name": "dog"}],
        "annotations": [
            {"id": n, "image_id": 30, "category_id": category, "segmentation": one, "iscrowd": 0}
            for n, (category, one) in enumerate(segmentations)
        ],
    }
    path = folder / "coco.json"
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return annotations.open_coco(path)


def labelme(folder: Path, *shapes, **changes) -> Path:
    """Takes shapes: (label, kind, points), or complete dicts."""
    keys = ("label", "shape_type", "points")
    shapes = [one if isinstance(one, dict) else dict(zip(keys, one, strict=True)) for one in shapes]
    content = {"shapes": shapes, "imageHeight": SIZE[0], "imageWidth": SIZE[1], "imagePath": "a"}
    path = folder / "a.json"
    path.write_text(json.dumps(content | changes), encoding="utf-8")
    return path


def as_run_lengths(mask: np.ndarray) -> dict:
    """Run lengths by columns, beginning with uncovered pixels."""
    runs, current = [0], 0
    for pixel in mask.T.ravel():
        if pixel != current:
            runs.append(0)
            current = pixel
        runs[-1] += 1
    return {"counts": runs, "size": list(mask.shape)}


def test_polygons_are_drawn_in_file_order(tmp_path):
    first, second = (1, 2, 9, 8), (4, 4, 12, 12)
    file = coco(tmp_path, (8, [box(*first)]), (3, [box(*second)]))
    assert file.names == ("a.jpg", "sub/b.jpg")
    mask = decoded(file.mask("a.jpg", SPEC, "ground"))
    assert np.array_equal(mask, expected(7, (1, *first), (2, *second)))
    file = coco(tmp_path, (3, [box(*second)]), (8, [box(*first)]))
    mask = decoded(file.mask("a.jpg", SPEC, "ground"))
    assert np.array_equal(mask, expected(7, (2, *second), (1, *first)))
    assert np.array_equal(decoded(file.mask("sub/b.jpg", SPEC, "ground")), expected(7))


def test_an_annotation_may_have_several_parts(tmp_path):
    parts = (1, 1, 4, 5), (8, 6, 14, 10)
    file = coco(tmp_path, (3, [box(*part) for part in parts]))
    mask = decoded(file.mask("a.jpg", SPEC, "ground"))
    assert np.array_equal(mask, expected(7, *((2, *part) for part in parts)))


def test_run_lengths_are_drawn_with_and_without_compression(tmp_path):
    area = np.random.default_rng(0).integers(0, 2, SIZE, np.uint8)
    area[:, 3:9] = 1  # long runs take several letters
    plain = as_run_lengths(area)
    packed = coco_masks.encode(np.asfortranarray(area))
    packed = {"counts": packed["counts"].decode(), "size": packed["size"]}
    for one in (plain, packed):
        mask = decoded(coco(tmp_path, (8, one)).mask("a.jpg", SPEC, "ground"))
        assert np.array_equal(mask, np.where(area, 1, 7))


def test_pixels_without_an_annotation_may_be_void(tmp_path):
    file = coco(tmp_path, (8, [box(1, 2, 9, 8)]))
    assert np.array_equal(decoded(file.mask("a.jpg", SPEC, "void")), expected(9, (1, 1, 2, 9, 8)))
    with pytest.raises(PetsegError, match=r"source\.unlabelled: void needs .*void: \[255\]"):
        file.mask("a.jpg", WITHOUT_VOID, "void")


def test_an_annotation_may_be_void(tmp_path):
    file = coco(tmp_path, (8, [box(1, 2, 9, 8)]), categories=[{"id": 8, "name": "void"}])
    mask = decoded(file.mask("a.jpg", SPEC, "ground"))
    assert np.array_equal(mask, expected(7, (9, 1, 2, 9, 8)))
    with pytest.raises(PetsegError, match=r"'void' \(used 1 x, first in a\.jpg\)"):
        file.mask("a.jpg", WITHOUT_VOID, "ground")


def test_values_above_255_are_written_with_16_bits(tmp_path):
    classes = [{"name": "ground", "value": 0}, {"name": "cat", "value": 40_000}]
    spec = parse_spec({"name": "large", "classes": classes}, "test")
    data = coco(tmp_path, (8, [box(1, 2, 9, 8)])).mask("a.jpg", spec, "ground")
    assert Image.open(io.BytesIO(data)).mode == "I;16"
    assert np.array_equal(decoded(data), expected(0, (40_000, 1, 2, 9, 8)))


def test_all_unknown_categories_of_a_file_are_listed_together(tmp_path):
    boxes = [(8, [box(1, 2, 9, 8)]), (3, [box(1, 2, 9, 8)]), (3, [box(1, 2, 4, 5)])]
    names = [{"id": 8, "name": "cow"}, {"id": 3, "name": "hen"}, {"id": 5, "name": "unused"}]
    file = coco(tmp_path, *boxes, categories=names)
    with pytest.raises(PetsegError, match="not classes of farm") as caught:
        file.mask("sub/b.jpg", SPEC, "ground")
    message = str(caught.value)
    assert (
        "'cow' (used 1 x, first in a.jpg)" in message
        and "'hen' (used 2 x, first in a.jpg)" in message
    )
    assert str(file.path) in message and "dataset.yaml" in message and "unused" not in message


def test_classes_with_mask_colours_are_refused(tmp_path):
    classes = [{"name": n, "mask_colour": c} for n, c in (("cat", "#ffffff"), ("dog", "#000000"))]
    spec = parse_spec({"name": "coloured", "classes": classes}, "test")
    with pytest.raises(PetsegError, match="annotations need classes with value"):
        coco(tmp_path).mask("a.jpg", spec, "cat")


@pytest.mark.parametrize(
    ("segmentation", "message"),
    [
        (None, "no segmentation, perhaps only a bounding box"),
        ([], "no segmentation, perhaps only a bounding box"),
        ("text", "neither polygons nor run lengths"),
        ([[1, 1, 5, 5]], "at least three points"),
        ([[1, 1, 5, 5, 3, 8, 9]], "at least three points"),
        ([[1, 1, 5, 5, 3, None]], "at least three points"),
        ([[1, 1, 5, 5, 3, 1e9]], "far outside"),
        ([[1, 1, 5, 5, 3, float("nan")]], "far outside"),
        ({"counts": [3, 4], "size": list(SIZE)}, "damaged, or not for 16x12"),
        ({"counts": [3, -4, 193], "size": list(SIZE)}, "damaged, or not for 16x12"),
        ({"counts": [3, "4"], "size": list(SIZE)}, "damaged, or not for 16x12"),
        ({"counts": [16 * 12], "size": [16, 12]}, "damaged, or not for 16x12"),
        ({"counts": "abc", "size": list(SIZE)}, "damaged, or not for 16x12"),
        ({"counts": "é", "size": list(SIZE)}, "damaged, or not for 16x12"),
        ({"counts": [16 * 12]}, "damaged, or not for 16x12"),
    ],
)
def test_a_damaged_annotation_is_named(tmp_path, segmentation, message):
    file = coco(tmp_path, (8, [box(1, 2, 9, 8)]), (8, segmentation))
    with pytest.raises(PetsegError, match=message) as caught:
        file.mask("a.jpg", SPEC, "ground")
    assert f"{file.path}, annotations[1]" in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"images": None}, "no list 'images'"),
        ({"annotations": {}}, "no list 'annotations'"),
        ({"images": [{"id": 1}]}, r"images\[0\]: file_name missing"),
        ({"images": [1]}, r"images\[0\]: id, file_name missing"),
        ({"images": [{"id": 1, "file_name": "a"}]}, "None by None is not a valid image size"),
        (
            {"images": [{"id": 1, "file_name": "a", "height": 10**6, "width": 10**6}]},
            "1000000 by 1000000 is not a valid image size",
        ),
        ({"images": 2 * [{"id": 1, "file_name": "a", "height": 2, "width": 2}]}, "duplicated: a"),
        ({"categories": [{"id": [1], "name": "x"}]}, r"categories\[0\]: id missing or damaged"),
        ({"annotations": [{"image_id": 5, "category_id": 8}]}, "there is no image_id 5"),
        ({"annotations": [{"image_id": 4, "category_id": 9}]}, "there is no category_id 9"),
    ],
)
def test_a_damaged_coco_file_is_named(tmp_path, changes, message):
    with pytest.raises(PetsegError, match=message) as caught:
        coco(tmp_path, **changes)
    assert str(tmp_path / "coco.json") in str(caught.value)


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe\x00", b"[" * 100_000])
def test_a_file_that_is_not_json_is_refused(tmp_path, data):
    path = tmp_path / "a.json"
    path.write_bytes(data)
    for read in (annotations.open_coco, lambda path: annotations.labelme_mask(path, SPEC, "cat")):
        with pytest.raises(
            PetsegError, match=re.escape(f"{path} is not a JSON file, or is damaged")
        ):
            read(path)
        with pytest.raises(PetsegError, match="missing cannot be read: No such file"):
            read(tmp_path / "missing")


def test_labelme_shapes_are_drawn_in_file_order(tmp_path):
    path = labelme(
        tmp_path,
        ("cat", "polygon", [[1, 2], [9, 2], [9, 8], [1, 8]]),
        ("dog", "rectangle", [[12, 12], [4, 4]]),
        {"label": "void", "points": [[0, 0], [3, 0], [3, 3], [0, 3]]},  # a polygon, in old files
    )
    drawn = expected(7, (1, 1, 2, 9, 8), (2, 4, 4, 12, 12), (9, 0, 0, 3, 3))
    assert np.array_equal(decoded(annotations.labelme_mask(path, SPEC, "ground")), drawn)
    assert annotations.labelme_labels(path) == ["cat", "dog", "void"]


def test_a_labelme_circle_has_the_area_of_a_circle(tmp_path):
    path = labelme(tmp_path, ("cat", "circle", [[8, 6], [8, 11]]))
    inside = decoded(annotations.labelme_mask(path, SPEC, "ground")) == 1
    assert inside.sum() == pytest.approx(np.pi * 25, rel=0.05)
    assert inside[6, 4] and inside[2, 8] and not inside[1, 4]


def test_a_labelme_mask_is_drawn_at_its_position(tmp_path):
    bitmap = np.random.default_rng(0).random((4, 5)) < 0.5
    stream = io.BytesIO()
    Image.fromarray(bitmap).save(stream, "PNG")
    shape = {"label": "dog", "shape_type": "mask", "points": [[6, 3], [10, 6]]}
    path = labelme(tmp_path, shape | {"mask": base64.b64encode(stream.getvalue()).decode()})
    drawn = expected(7)
    drawn[3:7, 6:11][bitmap] = 2
    assert np.array_equal(decoded(annotations.labelme_mask(path, SPEC, "ground")), drawn)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (("cat", "point", [[1, 1]]), r"\(cat, point\): only polygons, rectangles"),
        (("cat", "linestrip", [[1, 1], [2, 2]]), r"\(cat, linestrip\): only polygons"),
        (("cat", "polygon", [[1, 1], [2, 2]]), "at least three points"),
        (("cat", "polygon", [[1, 1], [2, 2], [3]]), "the points are damaged"),
        (("cat", "circle", [[1, 1]]), "the points are damaged"),
        (("cat", "rectangle", [[1, 1], [1, float("inf")]]), "far outside"),
        (("cat", "mask", [[float("nan"), 1], [1, 2]]), "the points are damaged"),
        (("cat", "mask", [[1, 1], [1, 2]]), "the mask cannot be decoded"),
        (("cow", "polygon", []), r"'cow' \(used 1 x, first in a\.json\)"),
        ((3, "polygon", []), r"shapes\[0\]: label missing or damaged"),
    ],
)
def test_a_damaged_labelme_shape_is_named(tmp_path, shape, message):
    path = labelme(tmp_path, shape)
    with pytest.raises(PetsegError, match=message) as caught:
        annotations.labelme_mask(path, SPEC, "ground")
    assert str(path) in str(caught.value)


def test_a_labelme_file_needs_a_size_and_shapes(tmp_path):
    with pytest.raises(PetsegError, match="no imageHeight and imageWidth"):
        annotations.labelme_mask(labelme(tmp_path, imageHeight=None), SPEC, "ground")
    with pytest.raises(PetsegError, match="no list 'shapes'"):
        annotations.labelme_mask(labelme(tmp_path, shapes=None), SPEC, "ground")
