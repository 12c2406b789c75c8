"""SwAV: two views of an image swap their cluster assignments, and no negative is needed.

Caron, Misra, Mairal, Goyal, Bojanowski and Joulin, "Unsupervised Learning of Visual Features by
Contrasting Cluster Assignments", 2020, arXiv:2006.09882.

Each feature z of unit length is scored against K prototypes. An *assignment* q (the paper's code)
says which prototypes an image belongs to; it comes from the scores of a whole batch by Sinkhorn's
algorithm, which spreads the batch evenly over all prototypes. So not all images can fall into one
cluster: this is what prevents collapse. Every view has to predict the assignment of the other
(equations 1 and 2):

    loss(s, q) = -sum over k of q_k log softmax(s / T)_k        mean over ordered pairs of views

When the predictions are uniform, the loss is ln K: the chance line.

What we simplify: AdamW or SGD instead of LARC.
"""

import math
import warnings

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.augment import Augment, multi_crop
from sslcourse.networks.heads import ProjectionHead, Prototypes, output_width, unit_length
from sslcourse.networks.processes import gather, own_part, processes


@torch.no_grad()
def sinkhorn(scores: Tensor, *, epsilon: float, iterations: int) -> Tensor:
    """Soft assignments of N images to K prototypes, with equal mass on every prototype.

    Cuturi 2013 (arXiv:1306.0895) as in the paper's equation 5 and its appendix: divide exp(scores /
    epsilon) in turn by its column and row sums; with logarithms where exp would be zero.

    Args:
        scores: (N, K), cosines of features and prototypes.
        epsilon: greater than 0; small values make assignments sharp.
        iterations: at least 1. Rows always sum to 1; columns come closer to N / K with each.

    Returns:
        (N, K), rows sum to 1, in float32 (float64 for float64 scores), without gradient.

    Raises:
        ValueError: not (N, K), scores that are not finite, or epsilon or iterations out of range.
    """
    if scores.ndim != 2 or min(scores.shape) < 1:
        raise ValueError(f"scores must be (N, K), got {tuple(scores.shape)}.")
    if not epsilon > 0 or iterations < 1:
        got = f"got {epsilon} and {iterations}"
        raise ValueError(f"epsilon must be greater than 0 and iterations at least 1, {got}.")
    logs = (scores if scores.dtype == torch.float64 else scores.float()) / epsilon
    if logs.device.type == "cpu":  # a GPU would have to wait for these numbers
        lowest, highest = (bound.item() for bound in logs.aminmax())
        if not math.isfinite(highest - lowest):
            raise ValueError("the scores hold values that are not finite; lower the learning rate.")
        if highest - lowest < 70:  # or exp would be zero in float32
            return rescale(logs.sub_(highest).exp_(), iterations)
    for axis in (0, 1) * iterations:
        logs -= logs.logsumexp(dim=axis, keepdim=True)
    return logs.exp_()


def rescale(table: Tensor, iterations: int) -> Tensor:
    """Sinkhorn's iterations on a positive (N, K), in place, by factors of rows and columns."""
    rows, share = table.new_ones(len(table)), len(table) / table.shape[1]
    for _ in range(iterations):
        columns = share / (rows @ table)  # (K,): every prototype gets the same mass
        rows = 1 / (table @ columns)  # (N,): every image is assigned once
    return table.mul_(rows[:, None]).mul_(columns)


def swav_loss(scores: list[Tensor], assignments: list[Tensor], *, temperature: float) -> Tensor:
    """Swapped prediction: each assignment is predicted from the scores of every other view.

    Args:
        scores: one (N, K) for each view; the first `len(assignments)` views are the large crops.
        assignments: one (N, K) for each large crop; no gradient flows to them.
        temperature: greater than 0.

    Returns:
        The scalar mean over images and ordered pairs of different views, at least in float32.

    Raises:
        ValueError: fewer than two views, too many assignments, other shapes, or temperature <= 0.
    """
    if len(scores) < 2 or not 1 <= len(assignments) <= len(scores):
        raise ValueError(
            f"swapped prediction needs at least two views and assignments for some of them, got "
            f"{len(scores)} views and {len(assignments)} assignments."
        )
    shapes = {tuple(tensor.shape) for tensor in [*scores, *assignments]}
    if len(shapes) != 1 or scores[0].ndim != 2:
        raise ValueError(f"all scores and assignments must be (N, K) of one shape, got {shapes}.")
    if not temperature > 0:
        raise ValueError(f"temperature must be greater than 0, got {temperature}.")
    raised = torch.float64 if scores[0].dtype == torch.float64 else torch.float32
    predictions = [F.log_softmax(s.to(raised) / temperature, dim=1) for s in scores]  # (N, K) each
    terms = [
        -(q.detach().to(raised) * prediction).sum(dim=1).mean()
        for number, q in enumerate(assignments)
        for other, prediction in enumerate(predictions)
        if other != number
    ]
    return torch.stack(terms).mean()


class SwAV(nn.Module):
    """An encoder whose views agree on a cluster assignment.

    Args:
        encoder: maps images (N, 3, H, W) to representations h (N, D) and has a `width_out` of D.
        head: maps h to features z; by default an MLP to 128 with BatchNorm after its hidden layer.
        augment: makes the two large crops; by default `Augment()`.
        small: makes the small crops, with fewer pixels; None means that there are none.
        small_views: number of small crops.
        prototypes: K. More than a batch can fill are of no use without a queue.
        epsilon, iterations: of `sinkhorn`.
        temperature: greater than 0.
        frozen: share of the training, in [0, 1), during which the prototypes stay as they are.
        queue_size: features of earlier batches that join Sinkhorn once there are that many; a
            multiple of the batch, 0 for none. For batches smaller than K.

    Raises:
        ValueError: a value out of its range.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: nn.Module | None = None,
        augment: Augment | None = None,
        small: Augment | None = None,
        small_views: int = 0,
        prototypes: int = 100,
        epsilon: float = 0.05,
        iterations: int = 3,
        temperature: float = 0.1,
        frozen: float = 0.0,
        queue_size: int = 0,
    ) -> None:
        super().__init__()
        if not temperature > 0 or not epsilon > 0 or iterations < 1:
            raise ValueError(
                "temperature and epsilon must be greater than 0 and iterations at least 1, got "
                f"{temperature}, {epsilon} and {iterations}."
            )
        if not 0 <= frozen < 1 or queue_size < 0:
            raise ValueError(
                f"frozen must be in [0, 1) and queue_size not negative, got {frozen} and "
                f"{queue_size}."
            )
        if small_views < 0 or (small_views and small is None):
            raise ValueError(f"{small_views} small views need an Augment that makes them.")
        self.encoder = encoder
        self.head = head or ProjectionHead(encoder.width_out, 128, norm_last=False)
        self.augment, self.small, self.small_views = augment or Augment(), small, small_views
        width = output_width(self.head, encoder.width_out)
        self.prototypes = Prototypes(width, prototypes)
        self.epsilon, self.iterations, self.temperature = epsilon, iterations, temperature
        self.frozen, self.progress = frozen, 0.0
        # features of earlier batches, the youngest first, for each of the two large crops
        self.register_buffer("queue", torch.zeros(2, queue_size, width))
        self.queued = 0  # how many of them are there
        self.fresh: Tensor | None = None  # features of this step's large crops, (2, N, D)

    def get_extra_state(self) -> Tensor:
        """What a checkpoint needs beside weights and the queue."""
        return torch.tensor([self.progress, self.queued], dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        self.progress, self.queued = float(state[0]), int(state[1])

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (N, 3, H, W) -> features z (N, D) of unit length."""
        return unit_length(self.head(self.encoder(images)))

    def make_views(self, images: Tensor, generator: torch.Generator | None = None) -> list[Tensor]:
        """Two large crops of each uint8 image, then the small ones."""
        small = self.small or self.augment
        return multi_crop(images, self.augment, small, self.small_views, generator)

    def features(self, views: list[Tensor]) -> Tensor:
        """Views of N images -> z (V, N, D); views of one size share a forward pass."""
        sizes = {view.shape for view in views}
        groups = [views] if len(sizes) == 1 else [views[:2], views[2:]]
        parts = [self(torch.cat(group)) for group in groups]
        return torch.cat(parts).unflatten(0, (len(views), -1))  # (V, N, D)

    def assign(self, z: Tensor, number: int) -> Tensor:
        """Assignments (N, K) of one large crop's features; a full queue helps to balance them."""
        scores = self.prototypes(z)
        if self.queued and self.queued == self.queue.shape[1]:
            scores = torch.cat([scores, self.prototypes(self.queue[number])])
        return sinkhorn(scores, epsilon=self.epsilon, iterations=self.iterations)[: len(z)]

    def loss(self, views: list[Tensor]) -> tuple[Tensor, dict[str, Tensor | float]]:
        """Swapped prediction, and what to watch: chance line and use of the prototypes."""
        count, room = len(views[0]) * processes(), self.queue.shape[1]
        if room % count:
            raise ValueError(
                f"the queue of {room} features must be a multiple of the {count} images of a "
                "step; change queue_size or the batch size."
            )
        if len(self.prototypes.weight) > count + room:
            warnings.warn(
                f"{len(self.prototypes.weight)} prototypes are more than the {count + room} "
                "features that are spread over them; use fewer, a larger batch or a queue.",
                stacklevel=2,
            )
        z = self.features(views)
        self.fresh = gather(z[:2].detach(), dim=1)  # all processes balance the clusters together
        weight = self.prototypes.weight
        with torch.autocast(z.device.type, enabled=False):  # Sinkhorn needs float32
            # detached prototypes get no gradient, and the optimiser leaves them alone
            scores = z @ (weight.detach() if self.progress < self.frozen else weight).T  # (V, N, K)
            with torch.no_grad():
                joint = [self.assign(crop, number) for number, crop in enumerate(self.fresh)]
            assignments = [own_part(q) for q in joint]  # (N, K) each
            loss = swav_loss(list(scores), assignments, temperature=self.temperature)
        return loss, assignment_diagnostics(assignments)

    def after_step(self, progress: float) -> None:
        """Bring the prototypes back to unit length and enqueue this step's features."""
        if self.progress >= self.frozen:  # otherwise they have not moved
            self.prototypes.normalize_()
        self.progress = progress
        room = self.queue.shape[1]
        if room and self.fresh is not None:
            self.queue = torch.cat([self.fresh, self.queue], dim=1)[:, :room]
            self.queued = min(room, self.queued + self.fresh.shape[1])
        self.fresh = None


@torch.no_grad()
def assignment_diagnostics(assignments: list[Tensor]) -> dict[str, Tensor | float]:
    """The chance line, how even the prototypes are used, and how sharp the assignments are.

    "used" is the exponential of the entropy of the prototypes' mass, in [1, K]: how many are in
    use. "sharpness" is the mean of each image's largest assignment, in [1 / K, 1].
    """
    q = torch.cat(assignments)
    return {
        "chance": math.log(q.shape[1]),
        "used": torch.exp(torch.special.entr(q.mean(dim=0)).sum()),
        "sharpness": q.amax(dim=1).mean(),
    }
