"""Turns a dataset into records: checks, resizes, splits and writes examples."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from petseg import records
from petseg.core.errors import PetsegError
from petseg.core.files import write_json
from petseg.core.parallel import parallel_map
from petseg.sources import facts
from petseg.sources.bad_examples import Bad, refuse_more_than
from petseg.sources.prepared import Prepared, is_unlabelled, prepare, unlabelled_reason
from petseg.sources.raw import RawDataset, open_raw
from petseg.sources.raw_example import Block, Key
from petseg.sources.splits import draw


class Rules(NamedTuple):
    """Height and width of records, and which examples to leave out."""

    image_size: tuple[int, int]
    drop_unlabelled: bool


class Written(NamedTuple):
    """Manifest entries, facts about images, and the sum of written examples' `facts.places`."""

    splits: dict[str, dict]
    named: list[dict]
    unlabelled: list[dict]
    converted: list[dict]
    bad: list[Bad]
    images: list[facts.Image]
    places: np.ndarray
    mask_pixels: int


class Outcome(NamedTuple):
    """The manifest, and facts as in `Written`."""

    manifest: dict
    images: list[facts.Image]
    places: np.ndarray


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
    runner: str = "local",
    beam_options: Sequence[str] = (),
) -> Outcome:
    """Writes the dataset in `raw` as records of all splits.

    `image_size` is (height, width). `validation_share` applies if the dataset gives neither that
    split nor a share. The runners local and beam write the same files.

    Raises PetsegError with all unusable examples if there are more than `max_bad_examples`; also
    for an empty split, a name in two splits, or a class without pixels.
    """
    dataset = open_raw(raw)
    shares = {s: share or validation_share for s, share in dataset.shares.items()}
    drawn = draw(_keys(dataset)["train"], shares, seed) if shares else {}
    rules = Rules(image_size, drop_unlabelled)
    if runner == "beam":
        from petseg.sources import beam_preparation

        found = beam_preparation.write(raw, folder, drawn, rules, shard_examples, beam_options)
    else:
        examples = (
            one
            for split, count in dataset.counts.items()
            for block in dataset.blocks(split, count)
            for one in _on_all_cores(dataset, block, image_size)
        )
        found = write_examples(dataset, examples, drawn, rules, folder, shard_examples)
    refuse_more_than(max_bad_examples, found.bad, found.mask_pixels, dataset.described_in)
    left_out = [{"name": b.name, "split": b.split, "reason": str(b.reason)} for b in found.bad]
    manifest = {
        "dataset": dataset.spec.to_json(),
        "image_size": list(image_size),
        "splits": found.splits,
        "left_out": found.named + left_out + found.unlabelled,
        "converted": found.converted,
    }
    _refuse_empty(manifest, dataset)
    write_json(folder / records.MANIFEST, manifest)
    return Outcome(manifest, found.images, found.places)


def write_examples(
    dataset: RawDataset,
    examples: Iterable[tuple[str, Prepared]],
    drawn: dict[str, str],
    rules: Rules,
    folder: Path,
    shard_examples: int,
) -> Written:
    """Writes examples with their given splits as shards; `drawn` maps names to new splits."""
    spec = dataset.spec
    named, unlabelled, converted, bad, images, mask_pixels = [], [], [], [], [], 0
    classes = len(spec.classes)
    places = np.zeros((classes, facts.CELLS, facts.CELLS))
    with ExitStack() as stack:
        writers = {
            split: stack.enter_context(records.SplitWriter(folder, split, shard_examples, spec))
            for split in records.SPLITS
        }
        for given, prepared in examples:
            split = drawn.get(prepared.name, given) if given == "train" else given
            entry = {"name": prepared.name, "split": split}
            if prepared.converted:
                converted.append(entry | {"from": prepared.converted})
            mask_pixels += prepared.mask_pixels
            kept = False
            droppable = rules.drop_unlabelled and split != "test"
            if split != "test" and prepared.name in dataset.leave_out:
                named.append(entry | {"reason": f"{dataset.described_in} says so"})
            elif prepared.bad:
                bad.append(Bad(prepared.name, split, prepared.bad))
            elif droppable and is_unlabelled(prepared.example, spec):
                unlabelled.append(entry | {"reason": unlabelled_reason(spec)})
            else:
                writers[split].write(prepared.example)
                places += facts.places(prepared.example.mask, classes)
                kept = True
            if prepared.facts:
                images.append(facts.Image(prepared.name, split, not kept, prepared.facts))
    splits = {split: writer.summary() for split, writer in writers.items()}
    return Written(splits, named, unlabelled, converted, bad, images, places, mask_pixels)


def _keys(dataset: RawDataset) -> dict[str, list[Key]]:
    """Returns keys by split; raises PetsegError for a name in two."""
    keys = {split: dataset.keys(split) for split in dataset.counts}
    split_of: dict[str, str] = {}
    for split, held in keys.items():
        for key in held:
            if split_of.setdefault(key.name, split) != split:
                raise PetsegError(f"{key.name} is in the splits {split_of[key.name]} and {split}")
    return keys


def _refuse_empty(manifest: dict, dataset: RawDataset) -> None:
    entries = manifest["splits"]
    if empty := [split for split, entry in entries.items() if not entry["examples"]]:
        raise PetsegError(
            f"the {' and the '.join(empty)} split would be empty; "
            "add images, or change the shares: "
            f"preprocess.validation_share, or splits in {dataset.described_in}"
        )
    pixels = [entry["class_pixels"] for entry in entries.values()]
    if empty := [name for name in dataset.spec.class_names if not any(p[name] for p in pixels)]:
        height, width = manifest["image_size"]
        raise PetsegError(
            f"no mask holds a pixel of {', '.join(empty)}, an empty class, at image_size "
            f"{height}x{width}: correct its value or colour in {dataset.described_in}, "
            "or remove the class"
        )


def absent_classes(manifest: dict) -> list[str]:
    """Returns a sentence for each class without pixels in a split."""
    return [
        f"the {split} split holds no pixel of {name}: "
        + ("it cannot be learnt" if split == "train" else "left out of that split's mean")
        for split, entry in manifest["splits"].items()
        for name, pixels in entry["class_pixels"].items()
        if not pixels
    ]


def not_left_out(raw: Path, manifest: dict) -> list[str]:
    """Returns a sentence on names in `leave_out` that match no image."""
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
    """Returns the records' maximal size in bytes, to a few percent."""
    height, width = image_size
    return sum(open_raw(raw).counts.values()) * height * width * 4  # RGB and a label


def _on_all_cores(
    dataset: RawDataset, block: Block, size: tuple[int, int]
) -> Iterator[tuple[str, Prepared]]:
    progress = tqdm(
        dataset.examples(block),
        total=block.count,
        desc=f"preprocess {block.split}",
        unit="image",
        disable=None,
    )
    return parallel_map(
        lambda example: (block.split, prepare(example, size, dataset.spec)), progress
    )
