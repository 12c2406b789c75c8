"""MoCo: a query finds its key among the keys of many earlier batches.

He, Fan, Wu, Xie and Girshick, "Momentum Contrast for Unsupervised Visual Representation Learning",
2019, arXiv:1911.05722 (v1). Chen, Fan, Girshick and He, "Improved Baselines with Momentum
Contrastive Learning", 2020, arXiv:2003.04297 (v2).

For a query q, its key k (the other view of the same image) and a queue of K keys of other images,
all of unit length, the loss InfoNCE (v1, equation 1) is

    loss = -log  exp(q.k / T)  /  (exp(q.k / T) + sum over the queue of exp(q.k_j / T))

When all similarities are equal it is ln(1 + K): the chance line. Keys come from a *momentum
encoder*, a copy that follows the encoder slowly, so that keys of different age can be compared.

v1 is `MoCo(encoder, head=nn.Linear(encoder.width_out, 128), temperature=0.07)` with views that only
crop, flip, jitter and lose colour, and a learning rate that falls in steps
(`TrainConfig(schedule="steps")`). The defaults are v2: an MLP head without BatchNorm, temperature
0.2, a cosine.

What we simplify: where the authors shuffle keys over GPUs, we shuffle them over groups of a batch
that BatchNorm normalises apart (`groups`).
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.augment import Augment
from sslcourse.networks.ema import ema_copy, ema_update
from sslcourse.networks.heads import ProjectionHead, output_width, unit_length
from sslcourse.networks.processes import gather, processes
from sslcourse.networks.split_norm import split_batch_norm


def info_nce_loss(
    queries: Tensor, keys: Tensor, negatives: Tensor, *, temperature: float
) -> Tensor:
    """InfoNCE (v1, equation 1): each query against its own key and the same K negatives.

    Args:
        queries: (N, D), of any length: they are normalised here.
        keys: (N, D); row i is the positive of query i. No gradient flows to them.
        negatives: (K, D), the queue; no gradient flows to it.
        temperature: greater than 0.

    Returns:
        The scalar mean over the queries, in float32 (float64 for float64 queries).

    Raises:
        ValueError: shapes that don't fit, no negatives, or temperature <= 0.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be greater than 0, got {temperature}.")
    positive, negative = similarities(queries, keys, negatives, temperature)
    logits = torch.cat([positive[:, None], negative], dim=1)  # (N, 1 + K)
    # here the positive does stand in column 0
    labels = torch.zeros(len(logits), dtype=torch.long, device=logits.device)
    return F.cross_entropy(logits, labels)


def similarities(
    queries: Tensor, keys: Tensor, negatives: Tensor, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Cosines of each query with its key (N,) and with all negatives (N, K), at least float32.

    They are divided by a temperature.
    """
    if queries.ndim != 2 or queries.shape != keys.shape:
        raise ValueError(
            f"queries and keys must be two (N, D) tensors of one shape, got "
            f"{tuple(queries.shape)} and {tuple(keys.shape)}."
        )
    if negatives.ndim != 2 or negatives.shape[1] != queries.shape[1] or len(negatives) < 1:
        raise ValueError(
            f"negatives must be (K, {queries.shape[1]}) with K at least 1, got "
            f"{tuple(negatives.shape)}."
        )
    raised = queries.dtype if queries.dtype == torch.float64 else torch.float32
    with torch.autocast(queries.device.type, enabled=False):  # bfloat16 keeps too few digits here
        # in place, and here: (N, D) is small beside (N, K)
        q = F.normalize(queries.to(raised), dim=1).div_(temperature)
        k = F.normalize(keys.detach().to(raised), dim=1)
        n = negatives.detach().to(raised)
        lengths = n.norm(dim=1).clamp_min(1e-12)  # (K,); normalising n would copy the whole queue
        return (q * k).sum(dim=1), (q @ n.T).div_(lengths)


class MoCo(nn.Module):
    """An encoder trained to find, for a query, its key among the keys of earlier batches.

    Args:
        encoder: maps images (N, 3, H, W) to representations h (N, D) and has a `width_out` of D;
            with `groups` its BatchNorm layers are replaced by split ones.
        head: maps h to projections; by default v2's MLP without BatchNorm to 128.
        augment: makes the views; by default `Augment()`.
        queue_size: K, keys of earlier batches; a multiple of the batch (twice that if symmetric).
        momentum: of the momentum encoder, in [0, 1]. The paper uses 0.999 with 65,536 keys of
            1.3 million images; few images and short trainings want less.
        temperature: greater than 0; v1 uses 0.07, v2 0.2.
        symmetric: whether each view is query once and key once, which costs twice as much.
        groups: BatchNorm normalises this many parts of a batch apart and keys are shuffled
            between them; 1 leaves BatchNorm as it is, with its leak.

    Raises:
        ValueError: a queue below 1, or momentum or temperature out of their ranges.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: nn.Module | None = None,
        augment: Augment | None = None,
        queue_size: int = 4096,
        momentum: float = 0.99,
        temperature: float = 0.2,
        symmetric: bool = False,
        groups: int = 1,
    ) -> None:
        super().__init__()
        if queue_size < 1:
            raise ValueError(f"queue_size must be at least 1, got {queue_size}.")
        if not 0 <= momentum <= 1:
            raise ValueError(f"momentum must be in [0, 1], got {momentum}.")
        if not temperature > 0:
            raise ValueError(f"temperature must be greater than 0, got {temperature}.")
        self.encoder = split_batch_norm(encoder, groups) if groups > 1 else encoder
        self.head = head or ProjectionHead(encoder.width_out, 128, norm=False)
        self.augment = augment or Augment()
        self.momentum, self.temperature = momentum, temperature
        self.symmetric, self.groups = symmetric, groups
        self.key_encoder, self.key_head = ema_copy(self.encoder), ema_copy(self.head)
        # random keys stand in until real ones have come
        width = output_width(self.head, encoder.width_out)
        self.register_buffer("queue", F.normalize(torch.randn(queue_size, width), dim=1))
        self.register_buffer("born", torch.full((queue_size,), -1))  # step of each key, -1 = random
        self.register_buffer("step", torch.zeros((), dtype=torch.long))
        self.fresh: list[Tensor] = []  # keys of this step, not in the queue yet

    @property
    def queue_bytes(self) -> int:
        """Memory of the queue."""
        return self.queue.numel() * self.queue.element_size()

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (N, 3, H, W) -> projections (N, 128) of the trained encoder."""
        return self.head(self.encoder(images))

    def make_views(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Two independent views (N, 3, H, W) of each uint8 image, and an order to shuffle keys."""
        first, second = self.augment(images, generator), self.augment(images, generator)
        source = generator.device if generator is not None else images.device
        order = torch.randperm(len(images), generator=generator, device=source)
        return first, second, order.to(images.device)

    @torch.no_grad()
    def keys(self, images: Tensor, order: Tensor) -> Tensor:
        """Keys (N, D) of unit length; shuffled on their way where BatchNorm splits the batch."""
        if self.groups > 1:
            images = images[order]
        k = unit_length(self.key_head(self.key_encoder(images)))  # (N, D)
        return k[order.argsort()] if self.groups > 1 else k

    def loss(self, views: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, dict]:
        """InfoNCE; this batch's keys wait until `after_step` before they join the queue."""
        first, second, order = views
        pairs = [(first, second)] + ([(second, first)] if self.symmetric else [])
        count = len(first) * len(pairs) * processes()
        if len(self.queue) % count:
            raise ValueError(
                f"the queue of {len(self.queue)} keys must be a multiple of the {count} keys of a "
                "step; change queue_size or the batch size."
            )
        # a list that starts anew, so that a loss without a step leaves nothing behind
        self.fresh, losses = [], []
        for query_view, key_view in pairs:
            q, k = self(query_view), self.keys(key_view, order)
            losses.append(info_nce_loss(q, k, self.queue, temperature=self.temperature))
            self.fresh.append(gather(k))
        return torch.stack(losses).mean(), self.diagnostics(q, k)

    @torch.no_grad()
    def diagnostics(self, q: Tensor, k: Tensor) -> dict[str, Tensor | float]:
        """Chance line, mean cosine with the key and the queue, share of keys that are found."""
        positive, negative = similarities(q, k, self.queue)
        return {
            "chance": math.log(1 + len(self.queue)),
            "positive_cosine": positive.mean(),
            "negative_cosine": negative.mean(),
            "found": (positive > negative.amax(dim=1)).float().mean(),
        }

    def after_step(self, progress: float) -> None:
        """Enqueue this step's keys, then let the momentum encoder follow."""
        for keys in self.fresh:
            self.enqueue(keys)
        self.fresh = []
        self.step += 1
        ema_update(self.key_encoder, self.encoder, self.momentum)
        ema_update(self.key_head, self.head, self.momentum)

    @torch.no_grad()
    def enqueue(self, keys: Tensor) -> None:
        """New keys at the front, the oldest leave at the end: `queue[0]` is the youngest."""
        self.queue = torch.cat([keys, self.queue[: -len(keys)]])
        self.born = torch.cat([self.step.expand(len(keys)), self.born[: -len(keys)]])
