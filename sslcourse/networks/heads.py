"""Heads: small networks between an encoder and a loss, thrown away after pre-training."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ProjectionHead(nn.Module):
    """An MLP that maps representations h (N, width_in) to projections z (N, width_out).

    SimCLR's head (Chen et al. 2020, arXiv:2002.05709): linear layers with ReLU between them, and
    BatchNorm after every one, the last included. MoCo v2 leaves BatchNorm out.

    Args:
        width_in: width of the representation.
        width_hidden: width of the layers between; by default `width_in`.
        width_out: width of the projection.
        layers: number of linear layers, at least 1.
        norm: whether BatchNorm follows the linear layers.
        norm_last: whether it follows the last one too, as it does in SimCLR but not in SwAV.

    Raises:
        ValueError: a width or number of layers below 1.
    """

    def __init__(
        self,
        width_in: int,
        width_out: int = 128,
        *,
        width_hidden: int | None = None,
        layers: int = 2,
        norm: bool = True,
        norm_last: bool = True,
    ) -> None:
        super().__init__()
        hidden = width_hidden or width_in
        if min(width_in, width_out, hidden, layers) < 1:
            raise ValueError(
                f"widths and layers must be at least 1, got {width_in}, {hidden}, {width_out} "
                f"and {layers} layers."
            )
        widths = [width_in] + [hidden] * (layers - 1) + [width_out]
        normed = [norm] * (layers - 1) + [norm and norm_last]
        # BatchNorm has a shift of its own, so a linear layer before it needs no bias
        self.linears = nn.ModuleList(
            nn.Linear(before, after, bias=not has_norm)
            for before, after, has_norm in zip(widths, widths[1:], normed)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm1d(after) if has_norm else nn.Identity()
            for after, has_norm in zip(widths[1:], normed, strict=True)
        )

    def forward(self, h: Tensor) -> Tensor:
        for index, (linear, norm) in enumerate(zip(self.linears, self.norms, strict=True)):
            h = norm(linear(h if index == 0 else F.relu(h)))
        return h


class Prototypes(nn.Module):
    """K directions of unit length; a feature's scores are its cosines with them.

    (Caron et al. 2020, arXiv:2006.09882, section 3.1.) There is no bias: a feature of zeros must
    score the same with every prototype.

    Args:
        width: D of the features.
        count: K, the number of prototypes.

    Raises:
        ValueError: a width or count below 1.
    """

    def __init__(self, width: int, count: int) -> None:
        super().__init__()
        if min(width, count) < 1:
            raise ValueError(f"width and count must be at least 1, got {width} and {count}.")
        self.weight = nn.Parameter(torch.randn(count, width))  # (K, D)
        self.normalize_()

    @torch.no_grad()
    def normalize_(self) -> None:
        """Bring every prototype back to unit length; an optimiser's step leaves the sphere."""
        self.weight.copy_(F.normalize(self.weight, dim=1))

    def forward(self, z: Tensor) -> Tensor:
        """Features of unit length (N, D) -> scores (N, K)."""
        return z @ self.weight.T


def output_width(head: nn.Module, width_in: int) -> int:
    """What width a head makes of features of width `width_in`; the head itself stays as it is."""
    probe = copy.deepcopy(head).cpu().eval()
    with torch.no_grad():
        return probe(torch.zeros(1, width_in)).shape[1]
