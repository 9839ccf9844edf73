"""Decoding masks: from the values or colours that stand in a file to labels."""

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
"""Unknown values that the message for one mask names."""

_UNKNOWN = 254
"""Stands for values that are no class and not void: no label, as there are at most 150 classes."""

Values = Callable[[Image.Image], np.ndarray]

_LOSSY = ("JPEG", "MPO")


class UnknownValues(BadExample):
    """A mask of `mask_pixels` holds what is no class and not void.

    `pixels` says how many of each value, or colour as '#rrggbb'.
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
    """An encoded mask as labels of the spec's classes or VOID: uint8 (H, W), upright by its EXIF.

    Where the classes have values, the mask is one channel of up to 16 bits; of a palette, the
    indices count. Grey of 1, 2 or 4 bits is stretched to 0 to 255, as Pillow does: in a mask of one
    bit, white is 255. Where the classes have mask colours, the mask is grey, of a palette, or RGB.
    Where the spec has a threshold, the mask may be any of these, JPEG too: what is darker becomes
    0, the rest 255; colours count as grey by their luminance.

    `size` is the (width, height) that it must have, `orientation` that of its image's file.
    BadExample where the mask cannot be decoded, is of another kind or size; UnknownValues where it
    holds other values.
    """
    with opened("mask", data) as mask:
        mask.load()
        turned = exif_orientation(mask)
        if mask.format in _LOSSY and spec.threshold is None:
            raise BadExample(
                "the mask is a JPEG, which alters values: save it as PNG from its original; "
                "where there are two classes, a threshold in dataset.yaml parts them"
            )
        mask, values = _values(mask, spec)
    mask, _ = turn_upright(mask, (0, 0, *mask.size), turned)
    _require_size(mask, size, orientation)
    return _labels(values(mask), spec)


def _values(mask: Image.Image, spec: DatasetSpec) -> tuple[Image.Image, Values]:
    """An image in a mode that the spec takes, and the function that makes it int values (H, W)."""
    if spec.classes[0].mask_colour:
        return _without_transparency(mask), _packed
    if spec.threshold is not None:
        return _without_transparency(mask), _above(spec.threshold)
    if mask.mode not in ("1", "L", "P") and not mask.mode.startswith("I"):
        raise BadExample(f"the mask is not one channel of values, but {mask.mode}{_mend(mask)}")
    return mask.convert("L") if mask.mode == "1" else mask, np.asarray


def _without_transparency(mask: Image.Image) -> Image.Image:
    """A mask of 8 bits in L or RGB; BadExample where it has more, or any of it is transparent."""
    if mask.mode.startswith(("I", "F")):
        raise BadExample(f"the mask has more than 8 bits a pixel and colour ({mask.mode})")
    if mask.mode in ("1", "L"):
        return mask.convert("L")
    mask = with_transparency(mask)
    if mask.mode != "RGB":
        raise BadExample("the mask is transparent in parts")
    return mask


def _packed(mask: Image.Image) -> np.ndarray:
    """The colours as whole numbers, 0xBBGGRR: of the four bytes of a pixel, all but opacity."""
    return np.asarray(mask.convert("RGBA")).view("<u4")[..., 0] & 0xFFFFFF


def _above(threshold: int) -> Values:
    return lambda mask: np.where(
        np.asarray(mask.convert("L")) < threshold, np.uint8(0), np.uint8(255)
    )


def _require_size(mask: Image.Image, size: tuple[int, int] | None, orientation: int) -> None:
    if size and mask.size != size:
        sideways = orientation >= 5 and mask.size == size[::-1]
        turn = f", turned upright (EXIF orientation {orientation})," if sideways else ""
        raise BadExample(f"the mask is {_by(mask.size)}, the photograph{turn} {_by(size)}")


def _labels(values: np.ndarray, spec: DatasetSpec) -> np.ndarray:
    """The labels uint8 (H, W) of values; UnknownValues where some have none."""
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
    """The label of each value, or of each colour as `_packed` numbers it: uint8."""
    coloured = any(isinstance(mark, str) for mark, _ in marks)
    table = np.full(1 << (24 if coloured else 16), _UNKNOWN, np.uint8)
    for mark, label in marks:
        if isinstance(mark, str):
            mark = int.from_bytes(bytes.fromhex(mark[1:]), "little")
        table[mark] = label
    return table


def _mend(mask: Image.Image) -> str:
    if mask.mode in ("RGB", "RGBA"):
        return "; for masks of colours, dataset.yaml gives each class a mask_colour"
    return ""


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
