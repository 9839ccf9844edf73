"""params.yaml as frozen dataclasses: strict, and every mistake in one message.

A key is declared once, as a dataclass field with its type and the values that it may take.
`load` refuses unknown and missing keys, wrong types and values out of range, and names them all.
Nothing here imports TensorFlow, so that a typing error costs a second and not a minute.
"""

import dataclasses
import re
import reprlib
import typing
from dataclasses import dataclass, field
from pathlib import Path

from petseg import yaml12
from petseg.errors import PetsegError
from petseg.paths import PARAMS

IMAGENET_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""The widths of MobileNetV2 for which Keras Applications has ImageNet weights."""

DECODER_BLOCKS = {1: 4, 2: 3, 4: 2}
"""How many upsample blocks lead from the encoder's bottom, at 1/32 of the side that the encoder
sees, up to half of the photograph's side; by how much the photograph is enlarged before."""


def within(low: float = float("-inf"), high: float = float("inf"), *, exclusive: bool = False):
    """A number (or each number of a list) from `low` to `high`, the ends included or not."""

    def check(value) -> str | None:
        inside = low < value < high if exclusive else low <= value <= high
        if inside:
            return None
        kind = "strictly between" if exclusive else "between"
        return f"{value} is not {kind} {low} and {high}"

    return field(metadata={"check": check})


def one_of(*choices: str | int):
    """One of the given words or numbers."""

    def check(value) -> str | None:
        listed = ", ".join(map(str, choices))
        return None if value in choices else f"{value!r} is not one of {listed}"

    return field(metadata={"check": check})


def matching(pattern: str, description: str):
    """A text that matches a regular expression from its first to its last letter."""

    def check(value) -> str | None:
        return None if re.fullmatch(pattern, value) else f"{value!r} is not {description}"

    return field(metadata={"check": check})


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """What `download` brings."""

    name: str = one_of("oxford_iiit_pet", "synthetic")
    synthetic_train: int = within(1, 1_000_000)
    synthetic_test: int = within(1, 1_000_000)
    synthetic_side: int = within(32, 4096)
    synthetic_seed: int = within(0, 2**31 - 1)


@dataclass(frozen=True, kw_only=True)
class Preprocess:
    """How photographs become records."""

    validation_share: float = within(0, 1, exclusive=True)
    drop_unlabelled: bool
    max_bad_examples: int = within(0, 1_000_000)
    shard_examples: int = within(1, 1_000_000)


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What training uses of the machine or machines; see docs/devices.md."""

    strategy: str = one_of("auto", "single", "mirrored", "multi_worker")
    cache: str = one_of("auto", "memory", "disk", "none")


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What training minimises: a weighted sum of cross-entropy and soft Dice."""

    cross_entropy: float = within(0, 1000)
    dice: float = within(0, 1000)
    class_weights: tuple[float, float, float] = within(0, 1000)
    label_smoothing: float = within(0, 0.9)


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """Random changes to a training photograph and its mask; see petseg/augment.py."""

    flip: bool
    scale: tuple[float, float] = within(0.05, 4)
    stretch: float = within(0, 1)
    rotation: float = within(0, 180)
    brightness: float = within(0, 1)
    contrast: float = within(0, 1)
    saturation: float = within(0, 1)


@dataclass(frozen=True, kw_only=True)
class Training:
    """The keys that every network's section shares; see petseg/training/loop.py."""

    epochs: int = within(1, 100_000)
    batch_size: int = within(1, 65_536)
    optimizer: str = one_of("adamw", "adam", "sgd")
    learning_rate: float = within(0, float("inf"), exclusive=True)
    schedule: str = one_of("cosine", "constant")
    warmup_epochs: float = within(0, 100_000)
    weight_decay: float = within(0, 10)
    averaging: float = within(0, 0.999999)
    early_stopping_patience: int = within(0, 100_000)
    undistorted_epochs: int = within(0, 100_000)
    precision: str = one_of("auto", "float32", "mixed_bfloat16")
    deterministic: bool
    loss: Loss
    augmentation: Augmentation


@dataclass(frozen=True, kw_only=True)
class TrainUnet(Training):
    """The U-Net with a MobileNetV2 encoder; see petseg/models/mobilenet_unet.py."""

    encoder_weights: str
    encoder_alpha: float = within(0.1, 2)
    input_range: tuple[float, float] = within(-1000, 1000)
    enlarge: int = one_of(*DECODER_BLOCKS)
    fine_tune_from: str = matching(
        "frozen|stem|block_([1-9]|1[0-6])", "frozen, stem, or block_1 to block_16"
    )
    fine_tune_after: int = within(0, 100_000)
    encoder_learning_rate_scale: float = within(0, 100)
    skip_connections: str = one_of("bottlenecks", "expansions")
    decoder_block: str = one_of("builtin", "tensorflow_examples")
    decoder_filters: tuple[int, ...] = within(1, 4096)
    dropout: float = within(0, 0.95)
    refinement_filters: int = within(0, 4096)


@dataclass(frozen=True, kw_only=True)
class TrainShallow(Training):
    """The in-house shallow network; see petseg/models/shallow.py."""

    width: int = within(1, 4096)


@dataclass(frozen=True, kw_only=True)
class Evaluate:
    """How the test split is scored."""

    batch_size: int = within(1, 65_536)
    bootstrap_resamples: int = within(1, 1_000_000)
    at_original_size: bool


@dataclass(frozen=True, kw_only=True)
class Visualize:
    """How many photographs the figures show."""

    samples: int = within(1, 50)
    augmentations: int = within(1, 20)
    predictions: int = within(1, 50)
    hardest: int = within(1, 50)


@dataclass(frozen=True, kw_only=True)
class Params:
    """The whole of params.yaml."""

    seed: int = within(0, 2**31 - 1)
    image_size: int = within(32, 4096)
    dataset: Dataset
    preprocess: Preprocess
    machine: Machine
    train_unet: TrainUnet
    train_shallow: TrainShallow
    evaluate: Evaluate
    visualize: Visualize


def load(path: Path = PARAMS) -> Params:
    """The parameters in a YAML file; PetsegError names every mistake in it at once."""
    if not Path(path).exists():
        raise PetsegError(f"{path} not found; run from the project's root folder")
    return parse(yaml12.read(path), str(path))


def parse(content: object, source: str = "parameters") -> Params:
    """Params from plain nested dicts; PetsegError names every mistake in them at once."""
    mistakes: list[str] = []
    params = _section(Params, content, "", mistakes)
    if not mistakes:
        mistakes += _contradictions(params)
    if mistakes:
        lines = "".join(f"\n  - {mistake}" for mistake in mistakes)
        raise PetsegError(f"{source} has {_count(len(mistakes), 'mistake')}:{lines}")
    return params


def _contradictions(params: Params):
    if params.image_size % 32:
        yield f"image_size: {params.image_size} is not a multiple of 32, the encoder's stride"
    for name in ("train_unet", "train_shallow"):
        section: Training = getattr(params, name)
        if section.loss.cross_entropy == section.loss.dice == 0:
            yield f"{name}.loss: cross_entropy and dice are both 0; nothing would be learnt"
        if not any(section.loss.class_weights):
            yield f"{name}.loss.class_weights: all are 0; nothing would be learnt"
        if section.warmup_epochs > section.epochs:
            yield (
                f"{name}.warmup_epochs: {section.warmup_epochs} is more than epochs: "
                f"{section.epochs}; the learning rate would never reach its peak"
            )
        low, high = section.augmentation.scale
        if low > high:
            yield f"{name}.augmentation.scale: the lower end {low} is above the upper end {high}"
    unet = params.train_unet
    if unet.input_range[0] >= unet.input_range[1]:
        yield f"train_unet.input_range: black {unet.input_range[0]} is not below white"
    blocks = DECODER_BLOCKS[unet.enlarge]
    if len(unet.decoder_filters) != blocks:
        yield (
            f"train_unet.decoder_filters: {len(unet.decoder_filters)} upsample blocks, where "
            f"enlarge: {unet.enlarge} needs {blocks} to reach half of the photograph's side"
        )
    if unet.encoder_weights == "imagenet" and unet.encoder_alpha not in IMAGENET_ALPHAS:
        yield (
            f"train_unet.encoder_alpha: ImageNet weights exist for "
            f"{', '.join(map(str, IMAGENET_ALPHAS))}, and not for {unet.encoder_alpha}; "
            "another width needs encoder_weights: none or a file"
        )
    if unet.encoder_weights == "none" and unet.fine_tune_from == "frozen":
        yield (
            "train_unet.fine_tune_from: an encoder without weights (encoder_weights: none) "
            "must not be frozen; set it to stem"
        )


def _section(cls, content: object, path: str, mistakes: list[str]):
    """An instance of the dataclass `cls`, or None where `mistakes` grew."""
    if not isinstance(content, dict):
        mistakes.append(f"{path.rstrip('.') or 'the file'}: expected keys and values")
        return None
    before = len(mistakes)
    types = typing.get_type_hints(cls)
    fields = {declared.name: declared for declared in dataclasses.fields(cls)}
    mistakes += [f"{path}{key}: unknown key" for key in content if key not in fields]
    values = {}
    for name, declared in fields.items():
        if name not in content:
            mistakes.append(f"{path}{name}: missing")
            continue
        if dataclasses.is_dataclass(types[name]):
            values[name] = _section(types[name], content[name], f"{path}{name}.", mistakes)
            continue
        try:
            values[name] = _value(types[name], content[name], declared.metadata.get("check"))
        except ValueError as error:
            mistakes.append(f"{path}{name}: {error}")
    return cls(**values) if len(mistakes) == before else None


def _value(kind, value: object, check):
    """`value` as `kind`; ValueError where it is of another type or refused by `check`."""
    if typing.get_origin(kind) is tuple:
        kinds = typing.get_args(kind)
        if not isinstance(value, list):
            raise ValueError(f"{_shown(value)} is not a list")
        if kinds[-1] is Ellipsis:
            kinds = kinds[:1] * len(value)
        if len(value) != len(kinds):
            raise ValueError(f"{_shown(value)} is not a list of {len(kinds)}")
        return tuple(_value(part, item, check) for part, item in zip(kinds, value, strict=True))
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            value = float(value)
        except OverflowError:
            raise ValueError(f"{value!r} is too large") from None
    if type(value) is not kind:
        raise ValueError(_wrong_type(kind, value))
    if check and (refusal := check(value)):
        raise ValueError(refusal)
    return value


def _wrong_type(kind: type, value: object) -> str:
    names = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}
    return f"{_shown(value)} is not {names[kind]}"


def _shown(value: object) -> str:
    """A value for a message; collections cut short: YAML's aliases fit billions into ten lines."""
    short = reprlib.Repr()
    short.maxlevel = 2
    return short.repr(value) if isinstance(value, list | tuple | set | dict) else repr(value)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"
