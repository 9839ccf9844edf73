"""Draws masks from COCO and LabelMe annotations, later ones over earlier ones.

Labels are class names; "void" means void unless a class has that name.
"""

import io
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from petseg.core.dataset_spec import DatasetSpec
from petseg.core.errors import PetsegError
from petseg.sources.annotation_shapes import labelme_area, segmentation_area

VOID_NAME = "void"

_ID = int | str


class Coco:
    """A COCO file's annotations; see https://cocodataset.org/#format-data.

    `categories` in use are in file order; `uses` has the image names of each one's annotations.
    """

    def __init__(self, path: Path, content: object) -> None:
        self.path = path
        self._sizes: dict[str, tuple[int, int]] = {}
        self._annotations: dict[str, list[dict]] = {}
        self.uses: dict[str, list[str]] = defaultdict(list)
        images, categories, annotations = (
            _list(path, content, key) for key in ("images", "categories", "annotations")
        )
        name_of, label_of = {}, {}
        for where, one in _entries(path, images, "images", id=_ID, file_name=str):
            name = name_of[one["id"]] = one["file_name"]
            if name in self._sizes:
                raise PetsegError(f"{where} is duplicated: {name}")
            self._sizes[name] = _size(where, one.get("height"), one.get("width"))
            self._annotations[name] = []
        for _, one in _entries(path, categories, "categories", id=_ID, name=str):
            label_of[one["id"]] = one["name"]
        keys = {"image_id": _ID, "category_id": _ID}
        for where, one in _entries(path, annotations, "annotations", **keys):
            for key, known in (("image_id", name_of), ("category_id", label_of)):
                if one[key] not in known:
                    raise PetsegError(f"{where}: there is no {key} {one[key]}")
            name, label = name_of[one["image_id"]], label_of[one["category_id"]]
            self._annotations[name].append({**one, "where": where, "label": label})
            self.uses[label].append(name)
        self.categories = tuple(dict.fromkeys(o for o in label_of.values() if o in self.uses))

    @property
    def names(self) -> tuple[str, ...]:
        """The image names in file order."""
        return tuple(self._sizes)

    def mask(self, name: str, spec: DatasetSpec, unlabelled: str | None) -> bytes:
        """Returns a mask as single-channel PNG, with the first value of each class.

        Pixels without annotation become `unlabelled`: a class or "void". Raises PetsegError for a
        damaged annotation, or if any image has a category that is not a class.
        """
        require_classes(self.uses, spec, str(self.path))
        size, values = self._sizes[name], _values(spec)
        shapes = (
            (values[one["label"]], segmentation_area(one, size)) for one in self._annotations[name]
        )
        return _png(_draw(shapes, size, _value(values, unlabelled)), values)


def open_coco(path: Path) -> Coco:
    """Reads a COCO file; raises PetsegError if it is damaged."""
    return Coco(path, _read_json(path))


def labelme_mask(path: Path, spec: DatasetSpec, unlabelled: str | None) -> bytes:
    """Draws the polygons, rectangles, circles and masks of a LabelMe file, like `Coco.mask`.

    Raises PetsegError for other shapes, unknown labels and damaged files.
    """
    content, values = _read_json(path), _values(spec)
    shapes = _labelme_shapes(path, content)
    uses = defaultdict(list)
    for _, one in shapes:
        uses[one["label"]].append(path.name)
    require_classes(uses, spec, str(path))
    size = _labelme_size(path, content)
    drawn = ((values[one["label"]], labelme_area(where, one, size)) for where, one in shapes)
    return _png(_draw(drawn, size, _value(values, unlabelled)), values)


def labelme_labels(path: Path) -> list[str]:
    """Returns the label of each shape."""
    return [one["label"] for _, one in _labelme_shapes(path, _read_json(path))]


def require_classes(uses: Mapping[str, Sequence[str]], spec: DatasetSpec, source: str) -> None:
    """Raises PetsegError if a label is not a class; `uses` maps labels to file names."""
    values = _values(spec)
    unknown = [
        f"{label!r} (used {len(names)} x, first in {', '.join(list(dict.fromkeys(names))[:3])})"
        for label, names in uses.items()
        if label not in values
    ]
    if unknown:
        raise PetsegError(
            f"{source} has labels that are not classes of {spec.name}: {', '.join(unknown)}. "
            f"Add them to classes in dataset.yaml, or name them {VOID_NAME} to ignore their pixels"
        )


def _values(spec: DatasetSpec) -> dict[str, int]:
    if any(one.mask_colour for one in spec.classes):
        raise PetsegError(f"{spec.name}: annotations need classes with value, not with mask_colour")
    void = {VOID_NAME: spec.void[0]} if spec.void else {}
    return void | {one.name: one.value[0] for one in spec.classes}


def _value(values: dict[str, int], unlabelled: str | None) -> int:
    if unlabelled is None or unlabelled not in values:
        need = "a value for void, as void: [255]" if unlabelled == VOID_NAME else "a class"
        raise PetsegError(f"source.unlabelled: {unlabelled} needs {need} in dataset.yaml")
    return values[unlabelled]


def _draw(shapes: Iterable[tuple[int, np.ndarray]], size: tuple, unlabelled: int) -> np.ndarray:
    mask = np.full(size, unlabelled, np.uint16)
    for value, inside in shapes:
        mask[inside] = value
    return mask


def _png(mask: np.ndarray, values: dict[str, int]) -> bytes:
    """Uses 16 bits if any class value of the dataset needs them."""
    stream = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8) if max(values.values()) < 256 else mask).save(
        stream, "PNG"
    )
    return stream.getvalue()


def _labelme_shapes(path: Path, content: object) -> list[tuple[str, dict]]:
    return list(_entries(path, _list(path, content, "shapes"), "shapes", label=str, points=list))


def _labelme_size(path: Path, content: dict) -> tuple[int, int]:
    if content.get("imageHeight") and content.get("imageWidth"):
        return _size(str(path), content["imageHeight"], content["imageWidth"])
    raise PetsegError(f"{path} has no imageHeight and imageWidth; save it again with LabelMe")


def _size(where: str, height: Any, width: Any) -> tuple[int, int]:
    whole = type(height) is int and type(width) is int
    if whole and min(height, width) > 0 and height * width <= (Image.MAX_IMAGE_PIXELS or math.inf):
        return height, width
    raise PetsegError(f"{where}: {width!r} by {height!r} is not a valid image size")


def _entries(path: Path, entries: list, what: str, **keys: Any) -> Iterable[tuple[str, dict]]:
    """Yields each entry with its location; checks that it has `keys` of these types."""
    for index, one in enumerate(entries):
        where = f"{path}, {what}[{index}]"
        one = one if isinstance(one, dict) else {}
        if bad := [key for key, kind in keys.items() if not isinstance(one.get(key), kind)]:
            raise PetsegError(f"{where}: {', '.join(bad)} missing or damaged")
        yield where, one


def _list(path: Path, content: object, key: str) -> list:
    if isinstance(content, dict) and isinstance(content.get(key), list):
        return content[key]
    raise PetsegError(f"{path} has no list {key!r}, which COCO and LabelMe files need")


def _read_json(path: Path) -> Any:
    try:
        return json.loads(Path(path).read_bytes())
    except OSError as error:
        raise PetsegError(f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise PetsegError(f"{path} is not a JSON file, or is damaged: {error}") from None
