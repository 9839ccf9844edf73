"""params/tutorial.yaml and the benchmark's peer are both the tutorial's recipe."""

import numpy as np
import pytest
from workspace import merged

from benchmarks import tutorial
from petseg.core import params, yaml12
from petseg.models import unet
from petseg.models.encoders import mobilenet_v2, storage
from tests.helpers import ROOT


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return storage.store(mobilenet_v2.build(None, 1.0), {}, tmp_path_factory.mktemp("encoder"))


def settings() -> params.TrainUnet:
    shipped, overlay = (
        yaml12.read(ROOT / name) for name in ("params.yaml", "params/tutorial.yaml")
    )
    return params.parse_params(merged(shipped, overlay)).train_unet


def sizes(model) -> tuple[int, int]:
    return model.count_params(), sum(int(np.prod(v.shape)) for v in model.trainable_variables)


def test_both_networks_have_the_tutorial_s_size(weights):
    """Its page gives 6,504,227 parameters, 4,660,323 of them trained."""
    ours = unet.build((128, 128), 3, settings(), weights)
    theirs = tutorial.network((128, 128), 3, weights)
    assert sizes(ours) == sizes(theirs) == (6_504_227, 4_660_323)


def test_both_networks_compute_the_same(weights):
    ours = unet.build((64, 64), 3, settings(), weights)
    theirs = tutorial.network((64, 64), 3, weights)
    theirs.set_weights(ours.get_weights())
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    np.testing.assert_allclose(
        ours(images, training=False),
        theirs(images / 255, training=False),
        atol=1e-4,
    )


def test_both_recipes_have_the_same_batch_size_and_schedule():
    found = settings()
    assert (found.batch_size, found.optimizer) == (tutorial.BATCH_SIZE, "adam")
    assert (found.schedule, found.warmup_epochs, found.ema_decay) == ("constant", 0, 0)
