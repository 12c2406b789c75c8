"""(d) Losses and Sinkhorn against lightly's: time and peak memory of value and gradient.

lightly's loss for MoCo also keeps the queue, and its loss for DINO the centre. So ours do both here
with the lines that our methods have for it. Sinkhorn has no gradient.
"""

from collections.abc import Callable, Iterator

import torch
from lightly.loss import DINOLoss, NTXentLoss
from lightly.loss.swav_loss import sinkhorn as sinkhorn_of_lightly
from speed.memory import peak_bytes
from speed.timing import Effort, Row, alternate
from torch import Tensor

from sslcourse.methods import MoCo, dino_loss, info_nce_loss, nt_xent_loss, sinkhorn
from sslcourse.networks import resnet

Work = Callable[[], object]
SIZES = (128, 1_024, 4_096)  # N
WIDTH = 128  # D
QUEUE = 4_096  # K, keys of MoCo
PROTOTYPES = 512  # K, of SwAV and DINO
TEMPERATURE = 0.2


def leaf(*shape: int) -> Tensor:
    """A tensor that gets a gradient."""
    return torch.randn(shape, requires_grad=True)


def with_gradient(loss: Callable[..., Tensor], *inputs: Tensor) -> Work:
    """The loss of some inputs and its gradient."""

    def work() -> None:
        for tensor in inputs:
            tensor.grad = None
        loss(*inputs).backward()

    return work


def nt_xent(count: int) -> tuple[str, Work, Work]:
    """SimCLR's loss of 2N projections."""
    theirs = NTXentLoss(temperature=TEMPERATURE)
    views = leaf(count, WIDTH), leaf(count, WIDTH)

    def ours(z1: Tensor, z2: Tensor) -> Tensor:
        return nt_xent_loss(z1, z2, temperature=TEMPERATURE)

    name = f"nt_xent_loss, 2 x {count} x {WIDTH}"
    return name, with_gradient(ours, *views), with_gradient(theirs, *views)


def info_nce(count: int) -> tuple[str, Work, Work]:
    """MoCo's loss of N queries, and their keys' way into the queue."""
    theirs = NTXentLoss(temperature=TEMPERATURE, memory_bank_size=(QUEUE, WIDTH))
    method = MoCo(resnet(8), queue_size=QUEUE)  # for its queue
    queries, keys = leaf(count, WIDTH), torch.randn(count, WIDTH)

    def ours(queries: Tensor) -> Tensor:
        loss = info_nce_loss(queries, keys, method.queue, temperature=TEMPERATURE)
        method.enqueue(keys)
        return loss

    name = f"info_nce_loss, {count} x {WIDTH}, queue of {QUEUE}"
    parts = with_gradient(ours, queries), with_gradient(lambda q: theirs(q, keys), queries)
    return name, *parts


def assign(count: int) -> tuple[str, Work, Work]:
    """SwAV's assignments of N features, from cosines, in three rounds."""
    scores = torch.nn.functional.normalize(torch.randn(count, WIDTH), dim=1)
    scores = scores @ torch.nn.functional.normalize(torch.randn(WIDTH, PROTOTYPES), dim=0)
    settings = {"epsilon": 0.05, "iterations": 3}
    return (
        f"sinkhorn, {count} x {PROTOTYPES}",
        lambda: sinkhorn(scores, **settings),
        lambda: sinkhorn_of_lightly(scores, **settings),
    )


def distil(count: int) -> tuple[str, Work, Work]:
    """DINO's loss of two large and two small views, and the centre."""
    theirs = DINOLoss(PROTOTYPES, teacher_temp=0.04, student_temp=0.1)
    student = [leaf(count, PROTOTYPES) for _ in range(4)]
    teacher = [torch.randn(count, PROTOTYPES) for _ in range(2)]
    center = torch.zeros(1, PROTOTYPES)

    def ours(*student: Tensor) -> Tensor:
        nonlocal center
        temperatures = {"student_temperature": 0.1, "teacher_temperature": 0.04}
        loss = dino_loss(list(student), teacher, center, **temperatures)
        center = torch.lerp(torch.stack(teacher).mean(dim=(0, 1))[None], center, 0.9)
        return loss

    name = f"dino_loss, 4 and 2 views, {count} x {PROTOTYPES}"
    parts = with_gradient(ours, *student), with_gradient(lambda *s: theirs(teacher, s), *student)
    return name, *parts


def rows(effort: Effort) -> Iterator[Row]:
    """Time, then memory, of each at each N."""
    torch.manual_seed(0)
    for prepare in (nt_xent, info_nce, assign, distil):
        for count in SIZES[:1] if effort.quick else SIZES:
            name, ours, theirs = prepare(count)
            parts = {"ours": ours, "theirs": theirs}
            yield Row(name, **alternate(parts, effort.seconds / 2, fewest=effort.fewest), asked=1)
            peaks = {side: [peak_bytes(work)] for side, work in parts.items()}
            yield Row("    its peak memory", **peaks, asked=1, unit="MiB")
