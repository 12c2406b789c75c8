"""Schedules: functions of the progress in [0, 1], so they serve steps, epochs and seconds alike."""

import math


def cosine(progress: float, start: float, end: float) -> float:
    """From `start` at progress 0 to `end` at progress 1 along half a cosine.

    (Loshchilov and Hutter 2016, arXiv:1608.03983, equation 5, without restarts.)
    """
    return end + (start - end) * 0.5 * (1 + math.cos(math.pi * min(max(progress, 0.0), 1.0)))


def warmup_cosine(progress: float, warmup: float) -> float:
    """Factor on the learning rate: up to 1 in a line over `warmup`, then a cosine down to 0.

    Args:
        progress: share of the training that is done, in [0, 1].
        warmup: share of the training that warms up, in [0, 1).
    """
    if progress < warmup:
        return progress / warmup
    return cosine((progress - warmup) / (1 - warmup), 1.0, 0.0)


def warmup_steps(progress: float, warmup: float) -> float:
    """Factor on the learning rate: up to 1 over `warmup`, 0.1 after 60 %, 0.01 after 80 %.

    (He et al. 2019, arXiv:1911.05722, section 4: epochs 120 and 160 of 200.) Arguments as above.
    """
    if progress < warmup:
        return progress / warmup
    return 0.1 ** ((progress >= 0.6) + (progress >= 0.8))


SCHEDULES = {"cosine": warmup_cosine, "steps": warmup_steps}
