"""The learning rate at the points that matter."""

import pytest

from petseg.training.schedule import learning_rate


def rates(kind: str, warmup_steps: int = 4, steps: int = 12) -> list[float]:
    return [
        learning_rate(step, peak=0.8, kind=kind, warmup_steps=warmup_steps, steps=steps)
        for step in range(steps)
    ]


def test_warm_up_rises_in_equal_steps_to_the_peak():
    assert rates("constant")[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])


def test_constant_stays():
    assert set(rates("constant")[4:]) == {0.8}


def test_cosine_is_half_way_in_the_middle_and_near_zero_at_the_end():
    cosine = rates("cosine")
    assert cosine[4] == pytest.approx(0.8)
    assert cosine[8] == pytest.approx(0.4)
    assert 0 < cosine[11] < 0.05
    assert sorted(cosine[4:], reverse=True) == cosine[4:]


def test_no_warm_up_begins_at_the_peak():
    assert rates("cosine", warmup_steps=0)[0] == pytest.approx(0.8)


def test_a_run_of_nothing_but_warm_up():
    assert rates("cosine", warmup_steps=12)[-1] == pytest.approx(0.8)
