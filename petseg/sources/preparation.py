"""From the prepared dataset to records: check, resize, split, write."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image
from tqdm import tqdm

from petseg import records
from petseg.core.dataset_spec import VOID, DatasetSpec
from petseg.core.errors import PetsegError
from petseg.core.files import write_json
from petseg.core.parallel import parallel_map
from petseg.decoding.mask import decode_mask
from petseg.decoding.photograph import BadExample, decode_photograph
from petseg.sources.bad_examples import Bad, refuse_more_than
from petseg.sources.raw import RawDataset, RawExample, open_raw
from petseg.sources.splits import draw


class Prepared(NamedTuple):
    """What became of one image: an example, or the reason why there is none."""

    name: str
    example: records.Example | None
    bad: BadExample | None = None
    converted: str | None = None
    mask_pixels: int = 0


def write_records(
    raw: Path,
    folder: Path,
    *,
    image_size: tuple[int, int],
    validation_share: float,
    drop_unlabelled: bool,
    max_bad_examples: int,
    shard_examples: int,
    seed: int,
) -> dict:
    """Writes the dataset in `raw` as records of all splits; returns the manifest.

    `image_size` is their height and width. `validation_share` counts where the dataset gives no
    validation split nor a share for it. PetsegError lists every image or mask that cannot be used,
    where they are more than `max_bad_examples`, and names a split that stayed empty, a name in two
    splits, and a class that no mask holds.
    """
    dataset = open_raw(raw)
    spec = dataset.spec
    shares = {s: share or validation_share for s, share in dataset.shares.items()}
    drawn = draw(dataset.keys("train"), shares, seed) if shares else {}
    given_of: dict[str, str] = {}
    named: list[dict] = []
    unlabelled: list[dict] = []
    converted: list[dict] = []
    bad: list[Bad] = []
    mask_pixels = 0
    with ExitStack() as stack:
        writers = {
            split: stack.enter_context(records.SplitWriter(folder, split, shard_examples, spec))
            for split in records.SPLITS
        }
        for given in dataset.counts:
            for prepared in _prepared_examples(dataset, given, image_size):
                if given_of.setdefault(prepared.name, given) != given:
                    raise PetsegError(
                        f"{prepared.name} is in the splits {given_of[prepared.name]} and {given}"
                    )
                split = drawn.get(prepared.name, given) if given == "train" else given
                entry = {"name": prepared.name, "split": split}
                if prepared.converted:
                    converted.append(entry | {"from": prepared.converted})
                mask_pixels += prepared.mask_pixels
                if split != "test" and prepared.name in dataset.leave_out:
                    named.append(entry | {"reason": f"{dataset.described_in} says so"})
                elif prepared.bad:
                    bad.append(Bad(prepared.name, split, prepared.bad))
                elif drop_unlabelled and split != "test" and _unlabelled(prepared.example, spec):
                    unlabelled.append(entry | {"reason": unlabelled_reason(spec)})
                else:
                    writers[split].write(prepared.example)
    refuse_more_than(max_bad_examples, bad, mask_pixels, dataset.described_in)
    left_out = [{"name": b.name, "split": b.split, "reason": str(b.reason)} for b in bad]
    manifest = {
        "dataset": spec.to_json(),
        "image_size": list(image_size),
        "splits": {split: writer.summary() for split, writer in writers.items()},
        "left_out": named + left_out + unlabelled,
        "converted": converted,
    }
    _refuse_empty(manifest, dataset)
    write_json(folder / records.MANIFEST, manifest)
    return manifest


def _refuse_empty(manifest: dict, dataset: RawDataset) -> None:
    entries = manifest["splits"]
    if empty := [split for split, entry in entries.items() if not entry["examples"]]:
        raise PetsegError(
            f"the {' and the '.join(empty)} split would hold no image; "
            "take more images, or other shares: "
            f"preprocess.validation_share, or splits in {dataset.described_in}"
        )
    pixels = [entry["class_pixels"] for entry in entries.values()]
    if empty := [name for name in dataset.spec.class_names if not any(p[name] for p in pixels)]:
        height, width = manifest["image_size"]
        raise PetsegError(
            f"no mask holds a pixel of {', '.join(empty)}, an empty class, at image_size "
            f"{height}x{width}: correct its value or colour in {dataset.described_in}, "
            "or take the class out"
        )


def absent_classes(manifest: dict) -> list[str]:
    """A sentence for each class that a split holds no pixel of."""
    return [
        f"the {split} split holds no pixel of {name}: "
        + ("it cannot be learnt" if split == "train" else "left out of that split's mean")
        for split, entry in manifest["splits"].items()
        for name, pixels in entry["class_pixels"].items()
        if not pixels
    ]


def not_left_out(raw: Path, manifest: dict) -> list[str]:
    """A sentence on the names in the dataset's `leave_out` that no image to leave out has."""
    dataset = open_raw(raw)
    unknown = sorted(dataset.leave_out - {entry["name"] for entry in manifest["left_out"]})
    if not unknown:
        return []
    names = ", ".join(unknown[:5]) + (", ..." if len(unknown) > 5 else "")
    return [
        f"leave_out in {dataset.described_in} has {len(unknown)} names that no training or "
        f"validation image has: {names}"
    ]


def records_bytes(raw: Path, image_size: tuple[int, int]) -> int:
    """How large the records of the dataset in `raw` become at most, to a few percent."""
    height, width = image_size
    return sum(open_raw(raw).counts.values()) * height * width * 4  # three colours and a label


def resize(
    image: Image.Image,
    labels: np.ndarray,
    size: tuple[int, int],
    box: tuple[float, float, float, float] | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Image uint8 (h, w, 3), bilinear with antialiasing; labels uint8 (h, w), nearest.

    `size` is (h, w). Of the image, all is taken, or what lies in the `box` of left, upper, right
    and lower.
    """
    small_image = np.asarray(image.resize(size[::-1], Image.Resampling.BILINEAR, box))
    small_labels = Image.fromarray(labels).resize(size[::-1], Image.Resampling.NEAREST)
    return small_image, np.asarray(small_labels)


def unlabelled_reason(spec: DatasetSpec) -> str:
    """Why a mask is taken for one that nobody drew."""
    if spec.unlabelled_without:
        return f"its mask holds no pixel of {' or '.join(spec.unlabelled_without)}"
    return "its mask holds nothing but void"


def _unlabelled(example: records.Example, spec: DatasetSpec) -> bool:
    if spec.unlabelled_without:
        return not np.isin(example.mask, spec.labels(spec.unlabelled_without)).any()
    return bool((example.mask == VOID).all())


def _prepare(raw: RawExample, size: tuple[int, int], spec: DatasetSpec) -> Prepared:
    try:
        photograph = decode_photograph(raw.image, at_least=size)
        labels = decode_mask(raw.mask, spec, photograph.size, photograph.orientation)
    except BadExample as error:
        return Prepared(raw.name, None, error, mask_pixels=getattr(error, "mask_pixels", 0))
    pixels, small = resize(photograph.image, labels, size, photograph.box)
    example = records.Example(pixels, small, raw.name, raw.groups)
    return Prepared(raw.name, example, converted=photograph.converted, mask_pixels=labels.size)


def _prepared_examples(
    dataset: RawDataset, split: str, size: tuple[int, int]
) -> Iterator[Prepared]:
    progress = tqdm(
        dataset.examples(split),
        total=dataset.counts[split],
        desc=f"preprocess {split}",
        unit="image",
        disable=None,
    )
    return parallel_map(lambda example: _prepare(example, size, dataset.spec), progress)
