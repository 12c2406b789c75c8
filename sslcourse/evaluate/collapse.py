"""Has a representation collapsed? Four numbers, none of which needs a label."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor


def _features(z: Tensor) -> Tensor:
    if z.ndim != 2 or len(z) < 2:
        raise ValueError(f"expected at least 2 features as (N, D), got {tuple(z.shape)}.")
    if not z.isfinite().all():
        raise ValueError("the features hold values that are not finite.")
    return z.detach().float() if z.dtype != torch.float64 else z.detach()


def feature_std(z: Tensor) -> float:
    """Mean standard deviation of the unit-length features, over the D dimensions.

    0 means that all features are one point; 1/sqrt(D) that they spread evenly in all directions.
    It misses *dimensional* collapse, for which see `effective_rank`. (Chen and He 2020,
    arXiv:2011.10566, section 4.1.)

    Args:
        z: features (N, D).

    Raises:
        ValueError: not at least two features (N, D).
    """
    return F.normalize(_features(z), dim=1).std(dim=0).mean().item()


def effective_rank(z: Tensor) -> float:
    """Exponential of the entropy of the singular values of z (N, D): between 1 and min(N, D).

    It counts the dimensions in use, unevenly used ones in part. (Roy and Vetterli 2007; as RankMe
    in Garrido et al. 2022, arXiv:2210.02885, equation 2.) The features are not centred: one
    constant point has rank 1.

    Raises:
        ValueError: not at least two features (N, D).
    """
    values = torch.linalg.svdvals(_features(z))
    share = values / values.sum().clamp_min(torch.finfo(values.dtype).tiny)
    return torch.exp(torch.special.entr(share).sum()).item()


def alignment(z1: Tensor, z2: Tensor) -> float:
    """Mean squared distance of positive pairs after normalisation; 0 is perfect.

    (Wang and Isola 2020, arXiv:2005.10242, equation 1 with exponent 2.)

    Args:
        z1: features (N, D) of the first views.
        z2: features (N, D) of the second views, row by row of the same images.

    Raises:
        ValueError: different shapes, or not (N, D).
    """
    if z1.shape != z2.shape:
        raise ValueError(f"z1 {tuple(z1.shape)} and z2 {tuple(z2.shape)} must have one shape.")
    difference = F.normalize(_features(z1), dim=1) - F.normalize(_features(z2), dim=1)
    return difference.square().sum(dim=1).mean().item()


def uniformity(z: Tensor, *, t: float = 2.0) -> float:
    """Logarithm of the mean of exp(-t · squared distance) over pairs; the lower, the more even.

    0 means that all features are one point. (Wang and Isola 2020, arXiv:2005.10242, equation 2.)

    Args:
        z: features (N, D), normalised here.
        t: sharpness, greater than 0.

    Raises:
        ValueError: not at least two features (N, D).
    """
    distances = torch.pdist(F.normalize(_features(z), dim=1))  # (N * (N - 1) / 2,)
    return torch.logsumexp(-t * distances.square(), dim=0).item() - math.log(len(distances))
