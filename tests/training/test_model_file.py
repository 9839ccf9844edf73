"""Networks are saved atomically and reproducibly."""

import time

import keras
import numpy as np
import pytest

from petseg.core import dataset_spec
from petseg.core.errors import PetsegError
from petseg.training import model_file
from tests.helpers import networks
from tests.helpers.specs import PETS, STREET

NETWORKS = {"shallow": networks.shallow, "unet": networks.unet}


def as_in_a_new_process(build) -> keras.Model:
    keras.backend.clear_session()  # Keras numbers unnamed layers from 1 again
    return build()


@pytest.mark.parametrize("name", NETWORKS)
def test_the_same_weights_give_the_same_bytes(tmp_path, name):
    model = as_in_a_new_process(NETWORKS[name])
    again = as_in_a_new_process(NETWORKS[name])
    again.set_weights(model.get_weights())
    model_file.save(model, tmp_path / "one.keras", PETS)
    time.sleep(1.1)  # Keras stores the time in whole seconds
    model_file.save(again, tmp_path / "other.keras", PETS)
    assert (tmp_path / "one.keras").read_bytes() == (tmp_path / "other.keras").read_bytes()


@pytest.mark.parametrize("name", NETWORKS)
def test_a_saved_network_gives_the_same_outputs(tmp_path, name):
    model = NETWORKS[name]()
    model_file.save(model, tmp_path / "network.keras", PETS)
    loaded = keras.saving.load_model(tmp_path / "network.keras", compile=False, safe_mode=True)
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_array_equal(loaded(images), model(images))


@pytest.mark.parametrize("spec", [PETS, STREET], ids=lambda spec: spec.name)
def test_a_saved_network_contains_its_spec(tmp_path, spec):
    model_file.save(NETWORKS["shallow"](), tmp_path / "network.keras", spec)
    assert dataset_spec.of_model(tmp_path / "network.keras") == spec


def test_another_spec_gives_other_bytes(tmp_path):
    """So DVC detects a changed model."""
    model = NETWORKS["shallow"]()
    for spec in (PETS, STREET):
        model_file.save(model, tmp_path / f"{spec.name}.keras", spec)
    assert len({path.read_bytes() for path in tmp_path.iterdir()}) == 2


def test_other_weights_give_other_bytes(tmp_path):
    model = NETWORKS["shallow"]()
    model_file.save(model, tmp_path / "one.keras", PETS)
    model.set_weights([weight + 1 for weight in model.get_weights()])
    model_file.save(model, tmp_path / "other.keras", PETS)
    assert (tmp_path / "one.keras").read_bytes() != (tmp_path / "other.keras").read_bytes()


def test_a_full_disk_keeps_the_previous_network(small_disk):
    (small_disk / "network.keras").write_bytes(b"before")
    with pytest.raises(PetsegError, match=r"network\.keras"):
        model_file.save(networks.shallow(width=36), small_disk / "network.keras", PETS)
    assert (small_disk / "network.keras").read_bytes() == b"before"
