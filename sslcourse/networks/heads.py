"""Heads: small networks between an encoder and a loss, thrown away after pre-training."""

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from sslcourse.networks.transformer import start_linear


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


class DINOHead(nn.Module):
    """Features z of unit length from a three-layer MLP, and their cosines with K prototypes.

    (Caron et al. 2021, arXiv:2104.14294, section 3.1 and appendix C.) GELU stands between the
    layers. Behind transformers the paper has no BatchNorm; its code offers it. The prototypes are
    the rows of a linear layer without bias whose weights are a direction times a gain (Salimans and
    Kingma 2016, arXiv:1602.07868), and the gain stays 1.

    Args:
        width_in: width of the representation.
        prototypes: K.
        width_hidden: of the MLP's hidden layers.
        width_bottleneck: D of the features z.
        norm: whether BatchNorm comes before every GELU.

    Raises:
        ValueError: a width or number below 1.
    """

    def __init__(
        self,
        width_in: int,
        prototypes: int,
        *,
        width_hidden: int = 2_048,
        width_bottleneck: int = 256,
        norm: bool = False,
    ) -> None:
        super().__init__()
        if min(width_in, prototypes, width_hidden, width_bottleneck) < 1:
            raise ValueError(
                f"widths and prototypes must be at least 1, got {width_in}, {width_hidden}, "
                f"{width_bottleneck} and {prototypes} prototypes."
            )
        layers: list[nn.Module] = []
        for width in (width_in, width_hidden):
            # BatchNorm has a shift of its own, so a linear layer before it needs no bias
            layers.append(nn.Linear(width, width_hidden, bias=not norm))
            layers += [nn.BatchNorm1d(width_hidden), nn.GELU()] if norm else [nn.GELU()]
        self.mlp = nn.Sequential(*layers, nn.Linear(width_hidden, width_bottleneck))
        self.mlp.apply(start_linear)
        # the older nn.utils.weight_norm can't be copied, and a teacher is a copy
        self.last = weight_norm(nn.Linear(width_bottleneck, prototypes, bias=False))
        gain = self.last.parametrizations.weight.original0  # (K, 1)
        gain.requires_grad_(False).fill_(1.0)

    def project(self, h: Tensor) -> Tensor:
        """Representations h (N, width_in) -> features z (N, D) of unit length, in float32."""
        return unit_length(self.mlp(h))

    def forward(self, h: Tensor, *, frozen: bool = False) -> Tensor:
        """Scores (N, K) in [-1, 1]; no gradient reaches prototypes that are `frozen`."""
        z = self.project(h)
        with torch.autocast(z.device.type, enabled=False):  # bfloat16 keeps too few digits here
            weight = self.last.weight
            return z @ (weight.detach() if frozen else weight).T


def unit_length(z: Tensor) -> Tensor:
    """Rows (N, D) brought to length 1, in float32 (float64 for float64): bfloat16 is too coarse."""
    return F.normalize(z if z.dtype == torch.float64 else z.float(), dim=1)


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
