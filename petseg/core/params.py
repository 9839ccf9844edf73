"""params.yaml as frozen sections: every key with its type and valid values.

If two keys contradict each other, the error names the later one. This module does not import
TensorFlow, so a mistake in the file is reported within a second.
"""

from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import Field, ValidationInfo, field_validator

from petseg.core import yaml12
from petseg.core.errors import PetsegError
from petseg.core.param_types import ImageSize
from petseg.core.paths import PARAMS
from petseg.core.strict import (
    Count,
    Listed,
    NonNegativeCount,
    Pair,
    Section,
    Seed,
    parse_section,
)
from petseg.core.training_params import Training

IMAGENET_ALPHAS = (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
"""The widths of MobileNetV2 for which Keras Applications has ImageNet weights."""

MOBILENET_V2 = "mobilenet_v2"
"""The encoder from Keras Applications. All others are KerasHub presets."""

Level = Literal["level_1", "level_2", "level_3", "level_4", "level_5"]
"""Start of fine-tuning in any encoder: level_N has features at 1 / 2**N of its input."""
LEVELS: tuple[str, ...] = get_args(Level)

Block = Literal[
    "block_1", "block_2", "block_3", "block_4", "block_5", "block_6", "block_7", "block_8",
    "block_9", "block_10", "block_11", "block_12", "block_13", "block_14", "block_15", "block_16",
]  # fmt: skip
"""Start of fine-tuning in MobileNetV2."""

DECODER_BLOCKS = {1: 4, 2: 3, 4: 2}
"""`encoder_upscale` -> the number of upsample blocks from MobileNetV2's bottleneck, at 1/32 of its
input, to half of the image size."""


class Dataset(Section):
    """The dataset: the name of a folder in datasets/."""

    name: Annotated[str, Field(pattern=r"^[\w-][\w.-]*$")]


class Preprocess(Section):
    """How images become records."""

    validation_share: Annotated[float, Field(gt=0, lt=1)]
    drop_unlabelled: bool
    max_bad_examples: NonNegativeCount
    shard_examples: Count
    runner: Literal["local", "beam"]
    beam_options: Listed[str]


class Machine(Section):
    """Devices and memory for training; see docs/devices.md."""

    strategy: Literal["auto", "single", "mirrored", "multi_worker"]
    cache: Literal["auto", "memory", "disk", "none"]


class TrainUnet(Training):
    """The U-Net and its encoder; see petseg/models/unet/network.py."""

    encoder: Annotated[str, Field(min_length=1)]
    encoder_weights: str
    encoder_alpha: Annotated[float, Field(ge=0.1, le=2)]
    input_range: Pair[Annotated[float, Field(ge=-1000, le=1000)]]
    encoder_upscale: Annotated[int, Field(ge=1, le=max(DECODER_BLOCKS))]
    fine_tune_from: Literal["frozen", "stem", Level, Block]
    encoder_learning_rate_scale: Annotated[float, Field(ge=0, le=100)]
    skip_connections: Literal["bottlenecks", "expansions"]
    decoder_block: Literal["builtin", "tensorflow_examples"]
    decoder_filters: Listed[Annotated[int, Field(ge=1, le=4096)]]
    dropout: Annotated[float, Field(ge=0, le=0.95)]
    refinement_filters: Annotated[int, Field(ge=0, le=4096)]

    @field_validator("encoder_weights")
    @classmethod
    def _are_valid_for_a_preset(cls, weights: str, info: ValidationInfo) -> str:
        if not _is_mobilenet_v2(info) and weights not in ("imagenet", "none"):
            raise ValueError(
                f"{info.data['encoder']} is a preset, which comes with its weights: imagenet takes "
                "those, whatever they were trained on, none leaves them random"
            )
        return weights

    @field_validator("encoder_alpha")
    @classmethod
    def _has_weights(cls, alpha: float, info: ValidationInfo) -> float:
        imagenet = info.data.get("encoder_weights") == "imagenet" and _is_mobilenet_v2(info)
        if imagenet and alpha not in IMAGENET_ALPHAS:
            raise ValueError(
                f"ImageNet weights exist for {', '.join(map(str, IMAGENET_ALPHAS))}, "
                f"and not for {alpha}; "
                "another width needs encoder_weights: none or a file"
            )
        return alpha

    @field_validator("input_range")
    @classmethod
    def _black_is_below_white(cls, ends: tuple[float, float]) -> tuple[float, float]:
        if ends[0] >= ends[1]:
            raise ValueError(f"black {ends[0]} is not below white {ends[1]}")
        return ends

    @field_validator("encoder_upscale")
    @classmethod
    def _is_a_known_upscale(cls, upscale: int) -> int:
        if upscale not in DECODER_BLOCKS:
            raise ValueError(f"{upscale} should be one of {', '.join(map(str, DECODER_BLOCKS))}")
        return upscale

    @field_validator("fine_tune_from")
    @classmethod
    def _trains_random_weights(cls, block: str, info: ValidationInfo) -> str:
        if info.data.get("encoder_weights") == "none" and block == "frozen":
            raise ValueError(
                "an encoder without weights (encoder_weights: none) must not be frozen; "
                "set it to stem"
            )
        if block.startswith("block_") and not _is_mobilenet_v2(info):
            raise ValueError(
                f"{block} is a block of {MOBILENET_V2}; with encoder: {info.data['encoder']}, set "
                f"it to frozen, stem or one of {', '.join(LEVELS)}"
            )
        return block

    @field_validator("decoder_filters")
    @classmethod
    def _reach_half_size(cls, filters: tuple[int, ...], info: ValidationInfo) -> tuple[int, ...]:
        upscale = info.data.get("encoder_upscale", 0)
        blocks = DECODER_BLOCKS.get(upscale, len(filters))
        if len(filters) != blocks and _is_mobilenet_v2(info):
            raise ValueError(
                f"{len(filters)} upsample blocks, where encoder_upscale: {upscale} needs {blocks} "
                "to reach half of the image's side"
            )
        return filters


def _is_mobilenet_v2(info: ValidationInfo) -> bool:
    return bool(info.data.get("encoder", MOBILENET_V2) == MOBILENET_V2)


class TrainShallow(Training):
    """The shallow network; see petseg/models/shallow/network.py."""

    width: Annotated[int, Field(ge=1, le=4096)]


class Evaluate(Section):
    """How the test split is scored."""

    batch_size: Annotated[int, Field(ge=1, le=65_536)]
    bootstrap_resamples: Count
    subsets: Listed[str]

    @field_validator("subsets")
    @classmethod
    def _have_unique_names(cls, subsets: tuple[str, ...]) -> tuple[str, ...]:
        names = [Path(subset).stem for subset in subsets]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two files are called {twice[0]}, which names the subset in metrics")
        return subsets


class Visualize(Section):
    """How many images the figures show."""

    samples: Annotated[int, Field(ge=1, le=50)]
    augmentations: Annotated[int, Field(ge=1, le=20)]
    predictions: Annotated[int, Field(ge=1, le=50)]
    hardest: Annotated[int, Field(ge=1, le=50)]


class Params(Section):
    """All of params.yaml."""

    seed: Seed
    image_size: ImageSize
    dataset: Dataset
    preprocess: Preprocess
    machine: Machine
    train_unet: TrainUnet
    train_shallow: TrainShallow
    evaluate: Evaluate
    visualize: Visualize


def load_params(path: Path = PARAMS) -> Params:
    """Returns the parameters of a YAML file. Raises PetsegError with all mistakes."""
    if not Path(path).exists():
        raise PetsegError(f"{path} not found; run from the project's root folder")
    return parse_params(yaml12.read(path), str(path))


def parse_params(content: object, source: str = "parameters") -> Params:
    """Returns Params from nested dicts. Raises PetsegError with all mistakes."""
    return parse_section(Params, content, source)
