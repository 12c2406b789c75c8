"""04.1 and 04.6: InfoNCE with a queue, and one step of MoCo."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way
from sslcourse.teach.checks.formulas.similarities import SHARED, contrasted, similarities


def info_nce(
    way: Way, queries: Tensor, keys: Tensor, negatives: Tensor, *, temperature: float
) -> Tensor:
    batch = similarities(way, queries, keys)  # (N, N)
    negative, places = similarities(way, queries, negatives), torch.arange(len(queries))
    kind, own = way("positive"), batch.diagonal()
    positive = {
        "next-image": lambda: batch.roll(-1, 1).diagonal(),
        "last-image-first": lambda: batch.flip(1).diagonal(),
        "mean-over-the-dimensions": lambda: own / queries.shape[1],
        "all-positives-summed": lambda: own.sum().expand(len(own)),
        "all-positives-averaged": lambda: own.mean().expand(len(own)),
    }.get(kind, lambda: own)()
    others = batch.masked_fill(places[:, None] == places, -torch.inf)
    extra = {
        "keys-of-the-batch-too": lambda: torch.cat([others, negative], dim=1),
        "keys-of-the-batch-only": lambda: others,
        "as-many-as-the-batch": lambda: negative[:, : len(queries)],
        "one-is-missing": lambda: negative[:, 1:],
        "last-one-is-missing": lambda: negative[:, :-1],
        "own-key-too": lambda: torch.cat([batch, negative], dim=1),
        "keys-against-the-queue": lambda: similarities(way, keys, negatives),
        "the-hardest-only": lambda: negative.amax(dim=1, keepdim=True),
    }
    negative = extra.get(way("negatives"), lambda: negative)()
    return contrasted(way, positive, negative, temperature)


def moco_step(
    way: Way, queries: Tensor, keys: Tensor, queue: Tensor, *, temperature: float
) -> tuple[Tensor, Tensor]:
    n = len(keys)
    later = {
        "keys-at-the-end": lambda: torch.cat([queue[n:], keys]),
        "keys-at-the-end-and-oldest-kept": lambda: torch.cat([queue[:-n], keys]),
        "youngest-leave": lambda: torch.cat([keys, queue[n:]]),
        "keys-turned-around": lambda: torch.cat([keys.flip(0), queue[:-n]]),
        "queries-stored": lambda: torch.cat([queries, queue[:-n]]),
        "keys-normalised": lambda: torch.cat([F.normalize(keys, dim=1), queue[:-n]]),
        "all-normalised": lambda: F.normalize(torch.cat([keys, queue[:-n]]), dim=1),
        "keys-stored-twice": lambda: torch.cat([keys, keys, queue[: -2 * n]]),
        "only-one-key-stored": lambda: torch.cat([keys[:1], queue[:-1]]),
        "queue-left": lambda: queue,
    }.get(way("queue"), lambda: torch.cat([keys, queue[:-n]]))()
    used = {"queue-of-the-next-step": later, "queue-of-the-next-step-without-the-keys": queue[:-n]}
    used |= {"queue-without-its-youngest": queue[n:]}
    negatives = used.get(way("queue-of-the-loss"), queue)
    return info_nce(way, queries, keys, negatives, temperature=temperature), later


INFO_NCE = {
    **SHARED,
    "positive": {
        "next-image": "the positive is the key of the next image",
        "last-image-first": "the keys stand in the opposite order",
        "mean-over-the-dimensions": "the positive's products are averaged over the dimensions",
        "all-positives-summed": "every query gets the sum of all positives",
        "all-positives-averaged": "every query gets the mean of all positives",
    },
    "negatives": {
        "keys-of-the-batch-too": "the other keys of the batch are negatives, too",
        "keys-of-the-batch-only": "the other keys of the batch are the negatives, not the queue",
        "as-many-as-the-batch": "only as many negatives are used as there are queries",
        "one-is-missing": "the first negative is left out",
        "last-one-is-missing": "the last negative is left out",
        "keys-against-the-queue": "the keys are compared with the queue, not the queries",
        "own-key-too": "all keys of the batch are negatives, the own one, too",
        "the-hardest-only": "only the most similar negative is used",
    },
}
FORMULAS = {
    "04.1": Formula(info_nce, INFO_NCE),
    "04.6": Formula(
        moco_step,
        {
            **INFO_NCE,
            "queue": {
                "keys-at-the-end": "the keys join at the other end",
                "keys-at-the-end-and-oldest-kept": "the keys take the places of the oldest",
                "youngest-leave": "the youngest leave, not the oldest",
                "keys-turned-around": "the keys join in the opposite order",
                "queries-stored": "the queries join the queue, not the keys",
                "keys-normalised": "the keys are brought to length 1 in the queue",
                "all-normalised": "the whole queue is brought to length 1",
                "keys-stored-twice": "the keys join twice",
                "only-one-key-stored": "only one key joins",
                "queue-left": "the queue stays the old one",
            },
            "queue-of-the-loss": {
                "queue-of-the-next-step": "the loss uses the queue that has the new keys",
                "queue-of-the-next-step-without-the-keys": "the loss uses the queue without the "
                "oldest",
                "queue-without-its-youngest": "the loss uses the queue without its youngest",
            },
        },
    ),
}
