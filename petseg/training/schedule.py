"""What changes from update to update: the learning rate, and the decay of the moving average."""

import math
from typing import NamedTuple

from petseg.core.training_params import Training


class Schedule(NamedTuple):
    """The schedule of a run whose epochs have `steps` updates; updates count from 0."""

    params: Training
    steps: int

    def learning_rate(self, update: int) -> float:
        """The learning rate, before a group's scale.

        It rises linearly within `warmup_epochs`, and then stays (constant) or falls along half a
        cosine towards 0 (cosine; Loshchilov and Hutter, arXiv:1608.03983).
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
        """The decay of the moving average: small at first, as the first weights are random."""
        return min(self.params.ema_decay, (1 + update) / (10 + update))
