"""04.2 and 04.7: the queue of keys, and how long it may be."""

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.task import Attempt, Case, Failed, Mistake, Task, given

QUEUE = torch.arange(1.0, 7.0)[:, None].expand(6, 2).contiguous()  # 1 is the youngest
KEYS = torch.tensor([[10.0, 10.0], [20.0, 20.0]])
JOIN = given(QUEUE, KEYS)


def enqueue(queue: Tensor, keys: Tensor) -> Tensor:
    return torch.cat([keys, queue[: -len(keys)]]).detach()


def keeps_gradient(f: Attempt) -> bool:
    """Whether keys that ask for a gradient make a queue that does; the old queue is data."""
    return any(f.remembers(JOIN, 1))


ENQUEUE = (
    Mistake(
        "queue-grows",
        "The queue has become longer: no old key has left.",
        (
            "How long may the queue be after a thousand steps?",
            "As many keys leave as come.",
            "torch.cat([keys, queue[:-len(keys)]])",
        ),
        lambda f: len(f(QUEUE, KEYS)) > len(QUEUE),
    ),
    Mistake(
        "queue-is-replaced",
        "Only the new keys are left: the queue has forgotten all others.",
        (
            "Why is a queue longer than a batch?",
            "Only the oldest keys leave, as many as come.",
            "torch.cat([keys, queue[:-len(keys)]])",
        ),
        lambda f: acts_like(f, lambda q, k: k, JOIN),
    ),
    Mistake(
        "queue-shrinks",
        "The queue has become shorter: more keys leave than come.",
        (
            "How many rows does your result have?",
            "As many keys leave as come.",
            "torch.cat([keys, queue[:-len(keys)]])",
        ),
        lambda f: len(f(QUEUE, KEYS)) < len(QUEUE),
    ),
    Mistake(
        "queue-never-changes",
        "The queue that you return is the old one: the new keys never got in, or they are what was "
        "cut off.",
        (
            "Is your new queue what you return? Which end do you cut, and who stands there?",
            "Put the keys in front, cut at the end.",
            "torch.cat([keys, queue[:-len(keys)]])",
        ),
        lambda f: close(f(QUEUE, KEYS), QUEUE),
    ),
    Mistake(
        "youngest-leave",
        "The new keys take the places of the youngest ones; the oldest keys stay for ever.",
        (
            "Which keys are the most out of date?",
            "queue[0] is the youngest, queue[-1] the oldest.",
            "Drop the end: queue[:-len(keys)].",
        ),
        lambda f: acts_like(f, lambda q, k: torch.cat([k, q[len(k) :]]), JOIN),
    ),
    Mistake(
        "new-keys-leave-next",
        "The new keys stand where keys leave, at the end: the next step throws them out again.",
        (
            "Enqueue twice. Where are the keys of the first time?",
            "queue[0] is the youngest, queue[-1] the oldest; the oldest leave.",
            "torch.cat([keys, queue[:-len(keys)]])",
        ),
        lambda f: acts_like(f, lambda q, k: torch.cat([q[: -len(k)], k]), JOIN),
    ),
    Mistake(
        "keys-in-turned-order",
        "The new keys are in front, but in the opposite order.",
        (
            "Which key of the batch is queue[0] in your result?",
            "Putting one key after the other in front turns their order round.",
            "Put all of them in front at once: torch.cat([keys, queue[:-len(keys)]])",
        ),
        lambda f: acts_like(f, lambda q, k: torch.cat([k.flip(0), q[: -len(k)]]), JOIN),
    ),
    Mistake(
        "new-keys-at-the-end",
        "It is a queue, but it runs the other way: here the youngest stand in front.",
        (
            "Which row should be the youngest key?",
            "queue[0] is the youngest, so the keys come first.",
            "torch.cat([keys, queue[:-len(keys)]])",
        ),
        lambda f: acts_like(f, lambda q, k: torch.cat([q[len(k) :], k]), JOIN),
    ),
    Mistake(
        "keys-keep-the-gradient",
        "The queue remembers how its new keys were computed: memory grows with every step.",
        (
            "What does queue.requires_grad say if the keys ask for a gradient?",
            "Keys are data for later steps.",
            "Use keys.detach(), or torch.no_grad().",
        ),
        keeps_gradient,
    ),
)

SIZES = (
    (50_000, 256),
    (20_000, 64),
    (5_000, 100),
    (150, 4),
    (299, 8),
    (1_281_167, 256),
    (1_000, 256),  # not even one batch is 8 % of the images
)


def queue_size(images: int, batch: int) -> int:
    return images * 8 // 100 // batch * batch


def right_size(f: Attempt) -> None:
    for images, batch in SIZES:
        came, expected = f(images, batch), queue_size(images, batch)
        if not close(came, expected):
            raise Failed(
                f"for {images:,} images and batches of {batch} the queue has {expected:,} keys, "
                f"yours {float(came):,g}."
            )


SIZE = (
    Mistake(
        "queue-as-large-as-the-data",
        "Your queue holds more than 8 % of the images: many negatives would be earlier keys of the "
        "same images, and very old ones.",
        (
            "How many keys of the query's own image are in your queue?",
            "MoCo's 65,536 keys are 5 % of 1.3 million images.",
            "Stay at or below 0.08 * images.",
        ),
        lambda f: any(float(f(n, batch)) > 0.08 * n for n, batch in SIZES),
    ),
    Mistake(
        "queue-no-multiple-of-the-batch",
        "Your queue is no multiple of the batch, so the last keys of a round don't fit.",
        (
            "What happens when the pointer reaches the end of the queue?",
            "Whole batches come and whole batches leave.",
            "size // batch * batch",
        ),
        lambda f: any(float(f(n, batch)) % batch for n, batch in SIZES),
    ),
    Mistake(
        "queue-too-short",
        "Another whole batch would fit into your queue: fewer negatives than you may have.",
        (
            "How many images are 8 % of 50,000, and how many batches of 256 fit in?",
            "4,000 images; 15 batches and a rest.",
            "int(0.08 * images) // batch * batch",
        ),
        lambda f: any(float(f(n, batch)) + batch <= 0.08 * n for n, batch in SIZES),
    ),
)

TASKS = (
    Task(
        "04.2",
        "new keys join the queue",
        "enqueue(queue, keys)",
        "A queue (K, D), in which queue[0] is the youngest key and queue[-1] the oldest, and new "
        "keys (N, D), N at most K. Return the queue (K, D) afterwards: the new keys in front, in "
        "their order, the oldest have left, and no gradient is kept.",
        JOIN,
        (
            *from_reference(
                enqueue,
                JOIN,
                given(QUEUE, KEYS[:1]),
                given(QUEUE[:4], KEYS.repeat(2, 1)),
                names="queue keys",
                keeps_inputs=False,
            ),
            holds("gradient", "the queue keeps a gradient.", lambda f: not keeps_gradient(f)),
        ),
        ENQUEUE,
    ),
    Task(
        "04.7",
        "the length of the queue",
        "queue_size(images, batch)",
        "The number of training images and of a batch. Return the longest queue that is a multiple "
        "of the batch and at most 8 % of the images.",
        given(50_000, 256),
        (Case("value", right_size),),
        SIZE,
    ),
)
