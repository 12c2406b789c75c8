"""04.6, when the keys of a step join the queue."""

import torch
from torch import Tensor

from sslcourse.methods.moco import info_nce_loss
from sslcourse.teach.checks.behaviours import result
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.info_nce_scale import some
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.task import Attempt, Mistake, Task, tracked


def moco_step(
    queries: Tensor, keys: Tensor, queue: Tensor, *, temperature: float
) -> tuple[Tensor, Tensor]:
    loss = info_nce_loss(queries, keys, queue, temperature=temperature)
    return loss, torch.cat([keys, queue[: -len(keys)]]).detach()


def too_early(f: Attempt) -> bool:
    """The loss is the one with the queue that has the new keys already."""
    queries, keys, queue = some(2, 6).args
    later = moco_step(queries, keys, queue, temperature=0.5)[1]
    loss = result(f, some(2, 6))[0]
    return close(loss, info_nce_loss(queries, keys, later, temperature=0.5))


def slopes(f: Attempt) -> list[Tensor]:
    """The loss's gradients by queries and keys; the queue is data, which may be overwritten."""
    call = some(2, 6)
    queries, keys, queue = call.args
    inputs = [tracked(queries), tracked(keys)]
    loss = f.call((*inputs, queue.clone()), call.kwargs)[0]
    found = torch.autograd.grad(loss, inputs, allow_unused=True)
    return [torch.zeros_like(x) if g is None else g for x, g in zip(inputs, found, strict=True)]


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
        too_early,
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
    Mistake(
        "keys-keep-the-gradient",
        "The queue that you return remembers how its new keys were computed: memory grows with "
        "every step.",
        (
            "What does queue.requires_grad say if the keys ask for a gradient?",
            "Keys are data for later steps.",
            "Use keys.detach() for the new queue.",
        ),
        lambda f: f.remembers(some(2, 6), 0, 1) == [True, True],
    ),
    Mistake(
        "no-gradient-to-the-queries",
        "No gradient reaches the queries, so the encoder would learn nothing.",
        (
            "Which of the inputs should the loss train?",
            "Only keys and queue are data.",
            "Leave the queries out of no_grad and detach.",
        ),
        lambda f: not bool(slopes(f)[0].abs().max() > 0),
    ),
    Mistake(
        "gradient-into-the-keys",
        "A gradient reaches the keys: they come from the momentum encoder, which is not trained.",
        (
            "Which of the inputs should the loss train?",
            "Gradient flows to the queries only.",
            "Use keys.detach() inside the loss.",
        ),
        lambda f: bool(slopes(f)[1].abs().max() > 1e-9),
    ),
)

TASKS = (
    Task(
        "04.6",
        "one step of MoCo",
        "moco_step(queries, keys, queue, *, temperature)",
        "queries and keys (N, D) and the queue (K, D). Return the loss and the queue for the next "
        "step, (K, D): the keys as they are, queue[0] the youngest, the oldest have left. The loss "
        "is InfoNCE as in 04.1, of cosines, and sends its gradient to the queries only; the queue "
        "keeps none and may be overwritten.",
        some(2, 6),
        (
            *from_reference(
                moco_step,
                some(2, 6),
                some(2, 8),
                some(3, 7, seed=5, temperature=0.2),
                names="queries keys queue",
                keeps_inputs=False,
            ),
            holds(
                "gradient",
                "the loss must send a gradient to the queries, and the queue must keep none.",
                lambda f: f.remembers(some(2, 6), 0, 1) == [True, False],
            ),
            holds(
                "gradient",
                "the value is right, but not the gradient: the queries get what InfoNCE gives "
                "them, the keys nothing.",
                lambda f: all(map(close, slopes(f), slopes(Attempt(moco_step)))),
            ),
        ),
        STEP,
    ),
)
