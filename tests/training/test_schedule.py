"""Learning rate and moving average's decay at important updates."""

import pytest

from petseg.training.schedule import Schedule
from tests.helpers.sections import SHIPPED, changed

STEPS = 4


def schedule(kind: str = "cosine", **changes) -> Schedule:
    """Three epochs of four updates."""
    values = {"learning_rate": 0.8, "epochs": 3, "warmup_epochs": 1.0, "schedule": kind}
    return Schedule(changed(SHIPPED.train_shallow, **(values | changes)), STEPS)


def rates(kind: str, **changes) -> list[float]:
    return [schedule(kind, **changes).learning_rate(update) for update in range(3 * STEPS)]


def test_warm_up_rises_linearly_to_the_peak():
    assert rates("constant")[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 0.8])


def test_a_warm_up_may_end_within_an_epoch():
    assert rates("constant", warmup_epochs=0.5)[:3] == pytest.approx([0.4, 0.8, 0.8])


def test_the_constant_schedule_stays_at_the_peak():
    assert set(rates("constant")[4:]) == {0.8}


def test_the_cosine_schedule_falls_to_half_and_then_near_zero():
    cosine = rates("cosine")
    assert cosine[4] == pytest.approx(0.8)
    assert cosine[8] == pytest.approx(0.4)
    assert 0 < cosine[11] < 0.05
    assert sorted(cosine[4:], reverse=True) == cosine[4:]


def test_without_warm_up_the_rate_starts_at_the_peak():
    assert rates("cosine", warmup_epochs=0.0)[0] == pytest.approx(0.8)


def test_a_run_of_only_warm_up_ends_at_the_peak():
    assert rates("cosine", warmup_epochs=3.0)[-1] == pytest.approx(0.8)


def test_the_ema_decay_starts_small():
    decays = [schedule(ema_decay=0.9).ema_decay(update) for update in (0, 1, 10, 80, 1000)]
    assert decays == pytest.approx([0.1, 2 / 11, 11 / 20, 0.9, 0.9])


def test_ema_decay_0_stays_0():
    assert {schedule(ema_decay=0.0).ema_decay(update) for update in (0, 1000)} == {0.0}
