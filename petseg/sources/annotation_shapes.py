"""Draws one COCO or LabelMe annotation with pycocotools."""

import base64
import io
import math
from typing import Any

import numpy as np
from PIL import Image
from pycocotools import mask as coco_masks

from petseg.core.errors import PetsegError

_CIRCLE_CORNERS = 90

_FARTHEST = 100_000
"""Limits coordinates: pycocotools follows each edge pixel by pixel, even outside the image."""


def segmentation_area(annotation: dict, size: tuple[int, int]) -> np.ndarray:
    """Returns the area of a COCO annotation: bool (H, W)."""
    where, segmentation = annotation["where"], annotation.get("segmentation")
    if not segmentation:
        raise PetsegError(
            f"{where} has no segmentation, perhaps only a bounding box: add one, or remove it"
        )
    if isinstance(segmentation, dict):
        return _run_lengths(where, segmentation, size)
    if not isinstance(segmentation, list):
        raise PetsegError(f"{where}: the segmentation is neither polygons nor run lengths")
    return _polygons(where, segmentation, size)


def _run_lengths(where: str, rle: dict, size: tuple[int, int]) -> np.ndarray:
    runs: Any = rle.get("counts")
    try:
        if isinstance(runs, str):
            runs = _uncompressed(runs)
        fits = list(rle["size"]) == list(size) and sum(runs) == math.prod(size) and min(runs) >= 0
    except (KeyError, TypeError, ValueError, IndexError):
        fits = False
    if not fits:  # pycocotools would leave uncovered pixels uninitialized
        raise PetsegError(f"{where}: the run lengths are damaged, or not for {_by(size)} pixels")
    drawn = coco_masks.frPyObjects({"counts": runs, "size": list(size)}, *size)
    return coco_masks.decode(drawn).astype(bool)


def _uncompressed(text: str) -> list[int]:
    """Decodes compressed run lengths, as rleFrString in cocoapi's maskApi.c."""
    runs: list[int] = []
    run = shift = 0
    for letter in text.encode("ascii"):
        bits = letter - 48
        run |= (bits & 31) << shift
        shift += 5
        if not bits & 32:
            run -= (bits & 16) and 1 << shift
            runs.append(run + runs[-2] if len(runs) > 2 else run)
            run = shift = 0
    return runs


def _polygons(where: str, parts: list, size: tuple[int, int]) -> np.ndarray:
    for part in parts:
        numbers = isinstance(part, list) and all(type(one) in (int, float) for one in part)
        if not numbers or len(part) < 6 or len(part) % 2:
            raise PetsegError(f"{where}: a polygon needs x and y of at least three points")
        if not all(abs(one) <= _FARTHEST for one in part):  # false for NaN, too
            raise PetsegError(f"{where}: a polygon has a corner far outside the image")
    drawn = [coco_masks.frPyObjects([part], *size)[0] for part in parts]
    return coco_masks.decode(coco_masks.merge(drawn)).astype(bool)


def labelme_area(where: str, shape: dict, size: tuple[int, int]) -> np.ndarray:
    """Returns the area of a LabelMe shape: bool (H, W)."""
    kind = shape.get("shape_type") or "polygon"
    where = f"{where} ({shape['label']}, {kind})"
    if kind not in ("polygon", "rectangle", "circle", "mask"):
        raise PetsegError(
            f"{where}: only polygons, rectangles, circles and masks have an area; remove it"
        )
    try:
        points = [(float(x), float(y)) for x, y in shape["points"]]
        if kind != "polygon":
            (left, top), (right, bottom) = points
            corner = round(left), round(top)
    except (TypeError, ValueError, OverflowError):
        raise PetsegError(f"{where}: the points are damaged") from None
    if kind == "mask":
        return _labelme_bitmap(where, shape.get("mask"), corner, size)
    if kind == "rectangle":
        points = [(left, top), (right, top), (right, bottom), (left, bottom)]
    elif kind == "circle":  # the centre and a point on the circle
        radius = math.dist(*points)
        turns = [2 * math.pi * corner / _CIRCLE_CORNERS for corner in range(_CIRCLE_CORNERS)]
        points = [(left + radius * math.cos(t), top + radius * math.sin(t)) for t in turns]
    return _polygons(where, [[number for point in points for number in point]], size)


def _labelme_bitmap(where: str, data: Any, corner: tuple, size: tuple) -> np.ndarray:
    """Draws a LabelMe mask, an image placed by its upper left corner."""
    try:
        bitmap = Image.open(io.BytesIO(base64.b64decode(data))).convert("L")
    except Exception as error:  # Pillow's decoders raise many types
        raise PetsegError(f"{where}: the mask cannot be decoded: {error}") from None
    drawn = Image.new("L", size[::-1])
    drawn.paste(bitmap, corner)
    return np.asarray(drawn) > 0


def _by(size: tuple[int, int]) -> str:
    return f"{size[1]}x{size[0]}"
