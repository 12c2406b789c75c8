"""SimCLR: two views of an image attract each other, all other images are pushed away.

Chen, Kornblith, Norouzi and Hinton, "A Simple Framework for Contrastive Learning of Visual
Representations", 2020, arXiv:2002.05709.

For 2N projections z of N images, s(i, j) is the cosine similarity of z_i and z_j, and j(i) is the
index of the other view of the image that i shows. Equation 1 of the paper, the loss NT-Xent:

    loss(i) = -log  exp(s(i, j(i)) / T)  /  sum over k != i of exp(s(i, k) / T)

averaged over all 2N views. Every view has one positive and 2N - 2 negatives. When all similarities
are equal, the loss is ln(2N - 1): the chance line.

What we simplify: the authors' code adds the losses of the two views where the paper (and we)
take the mean.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.augment import Augment
from sslcourse.networks.heads import ProjectionHead
from sslcourse.networks.processes import gather


def nt_xent_loss(z1: Tensor, z2: Tensor, *, temperature: float) -> Tensor:
    """Normalised, temperature-scaled cross-entropy (equation 1 of the paper).

    Args:
        z1: projections of the first views, (N, D), of any length: they are normalised here.
        z2: projections of the second views, (N, D); row i shows the same image as row i of z1.
        temperature: greater than 0. Small values make the hardest negatives count most.

    Returns:
        The scalar mean over all 2N views, in float32 (float64 for float64 inputs).

    Raises:
        ValueError: different shapes, fewer than two images, or temperature <= 0.
    """
    check_pair(z1, z2, temperature)
    with torch.autocast(z1.device.type, enabled=False):  # bfloat16 keeps too few digits here
        z = torch.cat([z1, z2])  # (2N, D)
        z = F.normalize(z if z.dtype == torch.float64 else z.float(), dim=1)
        logits = z @ z.T / temperature  # (2N, 2N)
    logits.fill_diagonal_(-torch.inf)  # a view is no candidate for itself
    positives = torch.arange(len(z), device=z.device).roll(len(z1))  # i -> i + N, and back
    return F.cross_entropy(logits, positives)


def check_pair(z1: Tensor, z2: Tensor, temperature: float) -> None:
    """Refuse what `nt_xent_loss` can't compare, in one sentence."""
    if z1.ndim != 2 or z1.shape != z2.shape:
        raise ValueError(
            f"z1 and z2 must be two (N, D) tensors of one shape, got {tuple(z1.shape)} and "
            f"{tuple(z2.shape)}."
        )
    if len(z1) < 2:
        raise ValueError(
            f"a batch of {len(z1)} image has no negatives; contrastive learning needs at least 2."
        )
    if not temperature > 0:
        raise ValueError(f"temperature must be greater than 0, got {temperature}.")


class SimCLR(nn.Module):
    """An encoder and a projection head, trained so that two views of an image agree.

    Args:
        encoder: maps images (N, 3, H, W) to representations h (N, D) and has a `width_out` of D.
        head: maps h to projections z; by default `ProjectionHead(D, 128)`.
        augment: makes the views; by default `Augment()`.
        temperature: greater than 0. The paper uses 0.1 on ImageNet and 0.5 on CIFAR-10.

    Raises:
        ValueError: temperature <= 0.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        head: nn.Module | None = None,
        augment: Augment | None = None,
        temperature: float = 0.2,
    ) -> None:
        super().__init__()
        if not temperature > 0:
            raise ValueError(f"temperature must be greater than 0, got {temperature}.")
        self.encoder = encoder
        self.head = head or ProjectionHead(encoder.width_out, 128)
        self.augment = augment or Augment()
        self.temperature = temperature

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (N, 3, H, W) -> projections z (N, 128)."""
        return self.head(self.encoder(images))

    def make_views(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """Two independent views (N, 3, H, W) of each uint8 image."""
        return self.augment(images, generator), self.augment(images, generator)

    def loss(self, views: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor | float]]:
        """The loss, and what to watch: chance line, alignment of pairs, share of pairs found."""
        # one forward pass for both views, so that BatchNorm sees them as one batch
        z1, z2 = self(torch.cat(views)).chunk(2)  # (N, D) each
        z1, z2 = gather(z1), gather(z2)  # negatives of all processes
        loss = nt_xent_loss(z1, z2, temperature=self.temperature)
        return loss, contrastive_diagnostics(z1, z2)

    def after_step(self, progress: float) -> None:
        """SimCLR has nothing to update after a step."""


@torch.no_grad()
def contrastive_diagnostics(z1: Tensor, z2: Tensor) -> dict[str, Tensor | float]:
    """The chance line, the mean cosine of positive and of negative pairs, and their order.

    "found" is the share of first views whose most similar second view is their own.
    """
    z1, z2 = F.normalize(z1.float(), dim=1), F.normalize(z2.float(), dim=1)
    with torch.autocast(z1.device.type, enabled=False):
        similarity = z1 @ z2.T  # (N, N)
    positives, count = similarity.diagonal(), len(z1)
    return {
        "chance": math.log(2 * count - 1),
        "positive_cosine": positives.mean(),
        "negative_cosine": (similarity.sum() - positives.sum()) / (count * (count - 1)),
        "found": (similarity.argmax(dim=1) == torch.arange(count, device=z1.device)).float().mean(),
    }
