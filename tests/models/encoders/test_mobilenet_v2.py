"""Stored encoder weights must fit."""

import json

import numpy as np
import pytest

from petseg.core.errors import PetsegError
from petseg.models.encoders import mobilenet_v2, storage
from tests.helpers.networks import ALPHA, SIZE


def test_weights_of_another_width_are_refused(encoder_weights):
    with pytest.raises(
        PetsegError, match=r"encoder\.weights\.h5 does not hold .* encoder_alpha 0\.5"
    ):
        mobilenet_v2.build(SIZE, 0.5, encoder_weights)


def test_stored_weights_are_found_and_loaded_at_any_size(encoder_weights):
    assert storage.stored_encoder(encoder_weights.parent) == encoder_weights
    small, large = (mobilenet_v2.build(s, ALPHA, encoder_weights) for s in (SIZE, (64, 96)))
    for one, other in zip(small.get_weights(), large.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_random_weights_differ_from_a_missing_encoder(tmp_path):
    assert storage.store(None, {"source": "none"}, tmp_path) is None
    assert storage.stored_encoder(tmp_path) is None
    assert json.loads((tmp_path / "encoder.json").read_text()) == {"source": "none", "file": None}
    with pytest.raises(
        PetsegError, match=r"contains no encoder; get it with: dvc repro -f download"
    ):
        storage.stored_encoder(tmp_path / "elsewhere")
