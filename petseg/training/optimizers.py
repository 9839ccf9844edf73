"""Builds an optimizer for each learning rate."""

from collections.abc import Sequence
from typing import NamedTuple

import keras

from petseg.core.training_params import Training


class Group(NamedTuple):
    """Variables, their optimizer, and learning rate relative to the schedule's."""

    optimizer: keras.optimizers.Optimizer
    variables: list
    learning_rate_scale: float


def build_groups(
    model: keras.Model, params: Training, scaled: Sequence[tuple[list, float]]
) -> list[Group]:
    """Groups the trainable variables: those in `scaled`, and the rest.

    Call it in the strategy's scope.
    """
    taken = {id(variable) for variables, _ in scaled for variable in variables}
    rest = [variable for variable in model.trainable_variables if id(variable) not in taken]
    groups = [(rest, 1.0), *scaled]
    return [Group(_optimizer(params, variables), variables, scale) for variables, scale in groups]


def set_learning_rate(groups: Sequence[Group], rate: float) -> None:
    """Sets `rate` times each group's scale."""
    for group in groups:
        group.optimizer.learning_rate.assign(rate * group.learning_rate_scale)


def _optimizer(params: Training, variables: list) -> keras.optimizers.Optimizer:
    if params.optimizer == "adamw":
        optimizer = keras.optimizers.AdamW(weight_decay=params.weight_decay)
        optimizer.exclude_from_weight_decay(var_names=["bias", "gamma", "beta"])
    elif params.optimizer == "adam":
        optimizer = keras.optimizers.Adam()
    else:
        optimizer = keras.optimizers.SGD(momentum=0.9)
    optimizer.build(variables)
    return optimizer
