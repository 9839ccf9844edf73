"""The generated breeds match the real dataset."""

import pytest

from petseg.sources.generated.breeds import BREEDS


def test_breeds_match_tfds():
    pets = pytest.importorskip(
        "tensorflow_datasets.datasets.oxford_iiit_pet.oxford_iiit_pet_dataset_builder"
    )
    assert [breed.name for breed in BREEDS] == pets._LABEL_CLASSES
