"""The keys of params.yaml that all networks share; see params.py for the others."""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from petseg.core.param_types import ClassWeights
from petseg.core.strict import NonNegativeCount, Pair, Section, Share, Weight


class Loss(Section):
    """The training loss: a weighted sum of cross-entropy and soft Dice loss."""

    cross_entropy: Weight
    dice: Weight
    class_weights: ClassWeights
    label_smoothing: Annotated[float, Field(ge=0, le=0.9)]

    @field_validator("dice")
    @classmethod
    def _minimises_something(cls, dice: float, info: ValidationInfo) -> float:
        if dice == info.data.get("cross_entropy") == 0:
            raise ValueError("cross_entropy is 0 too; nothing would be learnt")
        return dice


class Augmentation(Section):
    """Random changes of images and masks; see petseg/records/augmentation.py."""

    flip: bool
    scale: Pair[Annotated[float, Field(ge=0.05, le=4)]]
    stretch: Share
    rotation: Annotated[float, Field(ge=0, le=180)]
    brightness: Share
    contrast: Share
    saturation: Share

    @field_validator("scale")
    @classmethod
    def _is_a_range(cls, scale: tuple[float, float]) -> tuple[float, float]:
        if scale[0] > scale[1]:
            raise ValueError(f"the lower end {scale[0]} is above the upper end {scale[1]}")
        return scale


class Training(Section):
    """The keys that all networks share; see petseg/training/loop.py."""

    epochs: Annotated[int, Field(ge=1, le=100_000)]
    batch_size: Annotated[int, Field(ge=1, le=65_536)]
    optimizer: Literal["adamw", "adam", "sgd"]
    learning_rate: Annotated[float, Field(gt=0)]
    schedule: Literal["cosine", "constant"]
    warmup_epochs: Annotated[float, Field(ge=0)]
    weight_decay: Annotated[float, Field(ge=0, le=10)]
    ema_decay: Annotated[float, Field(ge=0, le=0.999999)]
    early_stopping_patience: NonNegativeCount
    final_epochs_without_geometry: NonNegativeCount
    precision: Literal["auto", "float32", "mixed_bfloat16", "mixed_float16"]
    deterministic: bool
    loss: Loss
    augmentation: Augmentation

    @field_validator("warmup_epochs")
    @classmethod
    def _ends_before_training(cls, warmup: float, info: ValidationInfo) -> float:
        epochs = info.data.get("epochs", warmup)
        if warmup > epochs:
            raise ValueError(
                f"{warmup} is more than epochs: {epochs}; "
                "the learning rate would never reach its peak"
            )
        return warmup
