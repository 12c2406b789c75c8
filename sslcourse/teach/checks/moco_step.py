"""04.6, when the keys of a step join the queue."""

import torch
from torch import Tensor

from sslcourse.methods.moco import info_nce_loss
from sslcourse.teach.checks.behaviours import result
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.keys import some
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.task import Mistake, Task


def moco_step(
    queries: Tensor, keys: Tensor, queue: Tensor, *, temperature: float
) -> tuple[Tensor, Tensor]:
    loss = info_nce_loss(queries, keys, queue, temperature=temperature)
    return loss, torch.cat([keys, queue[: -len(keys)]]).detach()


STEP = (
    Mistake(
        "enqueued-before-the-loss",
        "The keys were in the queue when the loss was computed: each query has its own key among "
        "the negatives, and the loss can't fall below ln 2.",
        (
            "Whom does a query push away when its own key is in the queue?",
            "The loss comes first, the queue afterwards.",
            "Compute the loss with the old queue, then make the new one.",
        ),
        lambda f: close(
            result(f, some(2, 6))[0],
            info_nce_loss(
                *some(2, 6).args[:2], moco_step(*some(2, 6).args, temperature=1)[1], temperature=0.5
            ),
        ),
    ),
    Mistake(
        "never-enqueued",
        "The queue that you return is the old one.",
        (
            "What has changed in your queue after the step?",
            "The keys of this step are negatives of the next ones.",
            "torch.cat([keys, queue[:-len(keys)]])",
        ),
        lambda f: close(result(f, some(2, 6))[1], some(2, 6).args[2]),
    ),
)

TASKS = (
    Task(
        "04.6",
        "one step of MoCo",
        "moco_step(queries, keys, queue, *, temperature)",
        "queries and keys (N, D) and the queue (K, D). Return the loss and the queue for the next "
        "step, (K, D): the new keys in front, the oldest, at the end, have left.",
        some(2, 6),
        from_reference(
            moco_step, some(2, 6), some(2, 8), names="queries keys queue", keeps_inputs=False
        ),
        STEP,
    ),
)
