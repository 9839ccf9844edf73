"""Each breed is drawn with the right shapes, dtypes and mask values."""

import numpy as np
import pytest

from petseg.sources.generated.breeds import BREEDS
from petseg.sources.generated.drawing import BACKGROUND, BORDER, PET, draw_pet


@pytest.mark.parametrize("breed", BREEDS, ids=lambda breed: breed.name)
def test_a_pet_of_each_breed_is_drawn(breed):
    image, trimap = draw_pet(np.random.default_rng(3), breed, height=50, width=40)
    assert (image.shape, image.dtype) == ((50, 40, 3), np.uint8)
    assert (trimap.shape, trimap.dtype) == ((50, 40), np.uint8)
    assert set(np.unique(trimap)) <= {PET, BACKGROUND, BORDER}
    assert image.std() > 10
