"""The border moves by one pixel on both sides; other pixels stay unchanged."""

import ceiling
import numpy as np

ROW = np.uint8([[0, 0, 0, 2, 2, 2, 2, 1, 1, 1]] * 3)


def test_wider_border_takes_a_pixel_from_each_neighbour():
    assert ceiling.wider(ROW).tolist() == [[0, 0, 2, 2, 2, 2, 2, 2, 1, 1]] * 3


def test_narrower_border_gives_a_pixel_to_each_neighbour():
    assert ceiling.narrower(ROW).tolist() == [[0, 0, 0, 0, 2, 2, 1, 1, 1, 1]] * 3


def test_void_is_unchanged():
    void = np.uint8([[0, 0, 2, 2, 255, 255]])
    assert ceiling.wider(void).tolist() == [[0, 2, 2, 2, 255, 255]]
    assert ceiling.narrower(void).tolist() == [[0, 0, 0, 2, 255, 255]]
