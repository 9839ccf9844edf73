"""Schedules learning rate and moving average."""

import math
from typing import NamedTuple

from petseg.core.training_params import Training


class Schedule(NamedTuple):
    """Updates count from 0, with `steps` per epoch."""

    params: Training
    steps: int

    def learning_rate(self, update: int) -> float:
        """Returns the learning rate, before a group's scale.

        It rises linearly during `warmup_epochs`, then stays, or follows half a cosine to 0
        (Loshchilov and Hutter, arXiv:1608.03983).
        """
        peak = self.params.learning_rate
        warmup = round(self.params.warmup_epochs * self.steps)
        if update < warmup:
            return peak * (update + 1) / warmup
        if self.params.schedule == "constant":
            return peak
        done = (update - warmup) / max(1, self.params.epochs * self.steps - warmup)
        return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    def ema_decay(self, update: int) -> float:
        """Returns the moving average's decay: small at first, as weights begin random."""
        return min(self.params.ema_decay, (1 + update) / (10 + update))
