"""04.6, when the keys of a step join the queue."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.methods.moco import info_nce_loss
from sslcourse.teach.checks.behaviours import result
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.info_nce_scale import some
from sslcourse.teach.checks.numbers import close, differ
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


def symmetric() -> Tensor:
    """The loss where half of it asks the other way round."""
    queries, keys, queue = some(2, 6).args
    halves = (
        info_nce_loss(a, b, queue, temperature=0.5) for a, b in ((queries, keys), (keys, queries))
    )
    return sum(halves) / 2


def by_row() -> list[Tensor]:
    """Losses with label i for query i, the own key in the first or in the last column."""
    q, k, n = (F.normalize(x, dim=1) for x in some(2, 6).args)
    own, others = (q * k).sum(dim=1, keepdim=True), q @ n.T
    return [
        F.cross_entropy(torch.cat(columns, dim=1) / 0.5, torch.arange(2))
        for columns in ((own, others), (others, own))
    ]


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
        "both-directions",
        "Half of your loss asks the keys for their query; MoCo's queries ask, and only they learn.",
        (
            "How many cross-entropies does your loss hold?",
            "CLIP's loss is symmetric. MoCo's keys come from a network that is not trained.",
            "info_nce_loss(queries, keys, queue, temperature=temperature), once",
        ),
        lambda f: close(result(f, some(2, 6))[0], symmetric()),
    ),
    Mistake(
        "label-of-the-row",
        "Query i is told to choose column i, but its own key stands in the same column for all.",
        (
            "Where does the own key stand in your logits?",
            "Labels 0, 1, 2, … belong to an (N, N) table, whose positives are its diagonal.",
            "With the own key in column 0: torch.zeros(len(queries), dtype=torch.long)",
        ),
        lambda f: any(close(result(f, some(2, 6))[0], other) for other in by_row()),
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
    Mistake(
        "another-gradient",
        "The loss is right, but the queries' gradient is another one: their length, or some of the "
        "cosines, are cut off from them.",
        (
            "Which parts of the logits depend on the queries?",
            "All of them, and their lengths, too: F.normalize passes its gradient on.",
            "Detach keys and queue only: F.normalize(queries, dim=1) keeps its gradient.",
        ),
        lambda f: (
            close(result(f, some(2, 6))[0], result(Attempt(moco_step), some(2, 6))[0])
            and differ(slopes(f)[0], slopes(Attempt(moco_step))[0])
        ),
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
