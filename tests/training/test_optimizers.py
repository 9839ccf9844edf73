"""Each variable has one optimizer, at its group's learning rate."""

import keras
import numpy as np
import pytest

from petseg.training.optimizers import build_groups, set_learning_rate
from tests.helpers import networks
from tests.helpers.sections import SHIPPED, changed

KINDS = {
    "adamw": keras.optimizers.AdamW,
    "adam": keras.optimizers.Adam,
    "sgd": keras.optimizers.SGD,
}


def groups(model: keras.Model, **changes):
    first = model.get_layer("first").trainable_variables
    return build_groups(model, changed(SHIPPED.train_shallow, **changes), [(first, 0.25)])


def test_every_trainable_variable_is_in_one_group():
    model = networks.tiny()
    found = [id(variable) for group in groups(model) for variable in group.variables]
    assert sorted(found) == sorted(id(variable) for variable in model.trainable_variables)
    assert [group.learning_rate_scale for group in groups(model)] == [1.0, 0.25]


def test_a_group_may_be_empty():
    """A frozen encoder has no trainable variables."""
    model = networks.tiny()
    model.get_layer("first").trainable = False
    rest, first = groups(model)
    assert first.variables == []
    first.optimizer.apply([], [])
    assert len(rest.variables) == len(model.trainable_variables)


def test_groups_scale_the_learning_rate():
    found = groups(networks.tiny())
    for rate in (0.1, 0.02):
        set_learning_rate(found, rate)
        rates = [float(group.optimizer.learning_rate) for group in found]
        assert rates == pytest.approx([rate, 0.25 * rate])


@pytest.mark.parametrize("name", KINDS)
def test_params_select_the_optimizer(name):
    for group in groups(networks.tiny(), optimizer=name, weight_decay=0.5):
        assert type(group.optimizer) is KINDS[name]
        assert group.optimizer.weight_decay == (0.5 if name == "adamw" else None)


def test_weight_decay_applies_only_to_kernels():
    """With gradients of 0, AdamW changes only variables with weight decay."""
    model = networks.tiny()
    model.set_weights([weights + 1 for weights in model.get_weights()])
    for group in groups(model, optimizer="adamw", weight_decay=0.5):
        before = [np.array(variable) for variable in group.variables]
        set_learning_rate([group], 0.1)
        group.optimizer.apply([0 * value for value in before], group.variables)
        for old, variable in zip(before, group.variables, strict=True):
            decayed = old * (1 - 0.5 * float(group.optimizer.learning_rate))
            expected = decayed if variable.name == "kernel" else old
            np.testing.assert_allclose(variable, expected, rtol=1e-6)
