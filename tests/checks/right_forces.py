"""Right implementations of what exercises 01 and 02 add: turned pictures, cosines, two forces."""

import torch
import torch.nn.functional as F
from collected import right

from sslcourse.teach.checks.logits import scaled_cosines


@right("01.5", "loop")
def turn_each(images, quarters):
    return [image.rot90(int(k), dims=(1, 2)) for image, k in zip(images, quarters)]


@right("01.5", "masks")
def turn_groups(images, quarters):
    turned = images.clone()
    for k in range(1, 4):
        turned[quarters == k] = images[quarters == k].rot90(k, dims=(2, 3))
    return turned


@right("01.5", "mirrored twice")
def turn_by_steps(images, quarters):
    images = list(images)
    for i, k in enumerate(quarters.tolist()):
        for _ in range(k):
            images[i] = images[i].transpose(1, 2).flip(1)
    return torch.stack(images)


right("02.4", "product")(scaled_cosines)


@right("02.4", "pairs of cosine_similarity")
def broadcast(z, *, temperature):
    return F.cosine_similarity(z[:, None], z[None], dim=2) / temperature


@right("02.4", "root of the temperature in each factor")
def scaled_first(z, temperature):
    z = z / z.norm(dim=1, keepdim=True) / temperature**0.5
    return torch.einsum("id,jd->ij", z, z)


def unit(z):
    return z / z.norm(dim=1, keepdim=True)


@right("02.5", "triangle of cdist")
def forces_cdist(z1, z2):
    def uniformity(z):
        i, k = torch.triu_indices(len(z), len(z), offset=1)
        return torch.cdist(z, z)[i, k].pow(2).mul(-2).exp().mean().log()

    z1, z2 = unit(z1), unit(z2)
    return (z1 - z2).norm(dim=1).pow(2).mean() + uniformity(z1) / 2 + uniformity(z2) / 2


@right("02.5", "cosines")
def forces_of_cosines(z1, z2):
    def uniformity(z):
        other = ~torch.eye(len(z), dtype=torch.bool)
        return (4 * z @ z.T - 4)[other].logsumexp(0) - other.sum().log()

    z1, z2 = unit(z1), unit(z2)
    return (2 - 2 * (z1 * z2).sum(1)).mean() + (uniformity(z1) + uniformity(z2)) / 2


@right("02.5", "loops")
def forces_looped(z1, z2):
    total = 0.0
    for z in (unit(z1), unit(z2)):
        pairs = [(z[i] - z[k]).square().sum() for i in range(len(z)) for k in range(i)]
        total = total + torch.stack(pairs).mul(-2).exp().mean().log() / 2
    apart = [(a - b).square().sum() for a, b in zip(unit(z1), unit(z2))]
    return total + torch.stack(apart).mean()
