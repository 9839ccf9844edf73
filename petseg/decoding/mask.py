"""Decodes masks: values or colours in a file become labels."""

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from PIL import Image

from petseg.core.dataset_spec import VOID, ClassSpec, DatasetSpec
from petseg.decoding.photograph import (
    BadExample,
    exif_orientation,
    opened,
    turn_upright,
    with_transparency,
)

SHOWN = 5
"""The most unknown values that an error message lists."""

_UNKNOWN = 254
"""Marks values that are neither class nor void. No label, as there are at most 150 classes."""

Values = Callable[[Image.Image], np.ndarray]

_LOSSY = ("JPEG", "MPO")


class UnknownValues(BadExample):
    """A mask of `mask_pixels` has values that are neither classes nor void.

    `pixels` counts the pixels of each such value, or colour as '#rrggbb'.
    """

    def __init__(self, pixels: dict[int | str, int], mask_pixels: int):
        self.pixels = pixels
        self.mask_pixels = mask_pixels
        marks = sorted(pixels, key=pixels.__getitem__, reverse=True)
        more = f" and {len(marks) - SHOWN} more" * (len(marks) > SHOWN)
        super().__init__(
            f"the mask holds {', '.join(map(str, marks[:SHOWN]))}{more}: neither classes nor void"
        )

    def __reduce__(self):
        return UnknownValues, (self.pixels, self.mask_pixels)


def decode_mask(
    data: bytes, spec: DatasetSpec, size: tuple[int, int] | None = None, orientation: int = 1
) -> np.ndarray:
    """Returns the labels of an encoded mask, uint8 (H, W): classes of the spec, or VOID.

    The mask is turned upright by its EXIF data. Its valid kinds depend on the spec:

    - Classes with values: one channel of up to 16 bits. In a palette image, the indices are the
      values. Grey of 1, 2 or 4 bits is scaled to 0 to 255, as in Pillow: 1 bit gives 0 and 255.
    - Classes with mask colours: grey, palette or RGB.
    - With a threshold: any of these, also JPEG. Pixels darker than the threshold become 0, all
      others 255. Colours are converted to grey by their luminance.

    Args:
        data: the mask file.
        spec: of the dataset.
        size: the required (width, height).
        orientation: the EXIF orientation of the image's file.

    Raises:
        BadExample: if the mask cannot be decoded, or is of another kind or size.
        UnknownValues: if it has other values.
    """
    with opened("mask", data) as mask:
        mask.load()
        turned = exif_orientation(mask)
        if mask.format in _LOSSY and spec.threshold is None:
            raise BadExample(
                "the mask is a JPEG, which alters values: save it as PNG from its original; "
                "for two classes, a threshold in dataset.yaml works, too"
            )
        mask, values = _values(mask, spec)
    mask, _ = turn_upright(mask, (0, 0, *mask.size), turned)
    _require_size(mask, size, orientation)
    return _labels(values(mask), spec)


def _values(mask: Image.Image, spec: DatasetSpec) -> tuple[Image.Image, Values]:
    """Returns the mask in a supported mode, and the function that reads its values, int (H, W)."""
    if spec.classes[0].mask_colour:
        return _without_transparency(mask), _packed
    if spec.threshold is not None:
        return _without_transparency(mask), _above(spec.threshold)
    if mask.mode not in ("1", "L", "P") and not mask.mode.startswith("I"):
        raise BadExample(f"the mask is not one channel of values, but {mask.mode}{_hint(mask)}")
    return mask.convert("L") if mask.mode == "1" else mask, np.asarray


def _without_transparency(mask: Image.Image) -> Image.Image:
    """Returns a mask in L or RGB. Raises BadExample for more than 8 bits or transparency."""
    if mask.mode.startswith(("I", "F")):
        raise BadExample(f"the mask has more than 8 bits a pixel and colour ({mask.mode})")
    if mask.mode in ("1", "L"):
        return mask.convert("L")
    mask = with_transparency(mask)
    if mask.mode != "RGB":
        raise BadExample("the mask is transparent in parts")
    return mask


def _packed(mask: Image.Image) -> np.ndarray:
    """Returns the colours as integers, 0xBBGGRR: the bytes of RGBA without alpha."""
    return np.asarray(mask.convert("RGBA")).view("<u4")[..., 0] & 0xFFFFFF


def _above(threshold: int) -> Values:
    return lambda mask: np.where(
        np.asarray(mask.convert("L")) < threshold, np.uint8(0), np.uint8(255)
    )


def _require_size(mask: Image.Image, size: tuple[int, int] | None, orientation: int) -> None:
    if size and mask.size != size:
        sideways = orientation >= 5 and mask.size == size[::-1]
        turn = f", turned upright (EXIF orientation {orientation})," if sideways else ""
        raise BadExample(f"the mask is {_by(mask.size)}, the image{turn} {_by(size)}")


def _labels(values: np.ndarray, spec: DatasetSpec) -> np.ndarray:
    """Returns the labels of values, uint8 (H, W). Raises UnknownValues for values without one."""
    marks = [(mark, label) for label, one in enumerate(spec.classes) for mark in _marks(one)]
    table = _table((*marks, *((mark, VOID) for mark in spec.void)))
    labels = np.take(table, values, mode="clip")
    if values.dtype.kind == "i":
        labels[(values < 0) | (values >= len(table))] = _UNKNOWN
    unknown = labels == _UNKNOWN
    if unknown.any():
        coloured = bool(spec.classes[0].mask_colour)
        found, counts = np.unique(values[unknown], return_counts=True)
        raise UnknownValues(
            {
                f"#{value.to_bytes(3, 'little').hex()}" if coloured else value: count
                for value, count in zip(found.tolist(), counts.tolist(), strict=True)
            },
            values.size,
        )
    return labels


def _marks(one: ClassSpec) -> tuple[int, ...] | tuple[str, ...]:
    return one.value or one.mask_colour


@lru_cache(maxsize=8)
def _table(marks: tuple[tuple[int | str, int], ...]) -> np.ndarray:
    """Returns a table, uint8: the label of each value, or of each colour as in `_packed`."""
    coloured = any(isinstance(mark, str) for mark, _ in marks)
    table = np.full(1 << (24 if coloured else 16), _UNKNOWN, np.uint8)
    for mark, label in marks:
        if isinstance(mark, str):
            mark = int.from_bytes(bytes.fromhex(mark[1:]), "little")
        table[mark] = label
    return table


def _hint(mask: Image.Image) -> str:
    if mask.mode in ("RGB", "RGBA"):
        return "; for colour masks, give each class a mask_colour in dataset.yaml"
    return ""


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
