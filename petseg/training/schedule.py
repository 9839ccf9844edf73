"""The learning rate as a function of the update."""

import math


def learning_rate(step: int, *, peak: float, kind: str, warmup_steps: int, steps: int) -> float:
    """The learning rate of update `step` (from 0) out of `steps`.

    It rises linearly to `peak` within `warmup_steps`, and then stays (constant) or falls along half
    a cosine towards 0 (cosine; Loshchilov and Hutter, arXiv:1608.03983).
    """
    if step < warmup_steps:
        return peak * (step + 1) / warmup_steps
    if kind == "constant":
        return peak
    done = (step - warmup_steps) / max(1, steps - warmup_steps)
    return peak * 0.5 * (1 + math.cos(math.pi * min(1.0, done)))
