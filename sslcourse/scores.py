"""What a training was worth: the table of the main job, and what else a method can be asked."""

import copy

import torch
from torch import nn

from sslcourse.data.images import ImageSet
from sslcourse.data.operations import denormalize, normalize, to_unit
from sslcourse.evaluate import (
    FILLS,
    extract_features,
    fill_hidden,
    hidden_error,
    knn_accuracy,
    linear_probe,
    pixels,
)
from sslcourse.methods import DINO, DVAE, MAE, BEiT, codebook_usage, random_mask
from sslcourse.networks.tokenizer import token_shares

Scores = dict[str, tuple[float, float]]


def score(
    rows: dict[str, tuple[torch.Tensor, torch.Tensor]], probe: ImageSet, test: ImageSet
) -> Scores:
    """Linear probe and k-NN accuracy of each row's (training, test) features."""
    k = min(20, len(probe))
    return {
        name: (
            linear_probe(train_h, probe.labels, test_h, test.labels).accuracy,
            knn_accuracy(train_h, probe.labels, test_h, test.labels, k=k),
        )
        for name, (train_h, test_h) in rows.items()
    }


def kept_encoder(method: nn.Module) -> nn.Module:
    """The encoder that a method is judged by: DINO's teacher, and what was trained of others."""
    return method.teacher_encoder if isinstance(method, DINO) else method.encoder


def compare(method: nn.Module, untrained: nn.Module, probe: ImageSet, test: ImageSet) -> Scores:
    """Pixels, the untrained encoder, and the trained one before (h) and after its head (z).

    A method that predicts pixels or tokens has no z. Of DINO the teacher is judged; its student
    stands below.
    """
    name = type(method).__name__ + (" teacher" if isinstance(method, DINO) else "")
    networks = {
        "untrained encoder, h": untrained.to(probe.device, memory_format=torch.channels_last),
        f"{name}, h": kept_encoder(method),
    }
    if not isinstance(method, (MAE, DVAE, BEiT)):
        networks[f"{name}, z"] = method
    if isinstance(method, DINO):
        networks["DINO student, h"] = method.encoder
    rows = {"pixels": (pixels(probe), pixels(test))}
    for row, network in networks.items():
        rows[row] = (extract_features(network, probe), extract_features(network, test))
    return score(rows, probe, test)


def print_table(scores: Scores, probe: ImageSet, test: ImageSet) -> None:
    chance = 1 / len(probe.classes)
    print(
        f"\nAccuracy on {len(test):,} test images, {len(probe):,} training images labelled, "
        f"chance {chance:.1%}:"
    )
    print(f"{'':24}{'linear probe':>14}{'k-NN':>10}")
    for name, (linear, neighbours) in scores.items():
        print(f"{name:24}{linear:>14.1%}{neighbours:>10.1%}")


@torch.no_grad()
def pretext_scores(
    method: nn.Module, images: ImageSet, limit: int = 2_000, seed: int = 0
) -> dict[str, float]:
    """How well a method solves its own task on images that it has not seen.

    Args:
        method: any; those that have no more to say give nothing.
        images: un-augmented.
        limit: most images to ask about.
        seed: of the masks.

    Returns:
        For MAE the error of hidden pixels, beside that of each way to fill them without learning;
        for the tokenizer the error of the painted picture and how the codes are used; for BEiT the
        share of hidden tokens that it names, and the share of the commonest token.
    """
    subset = images.subset(min(limit, len(images)), seed).images  # folders come class by class
    generator = torch.Generator().manual_seed(seed)
    network = copy.deepcopy(method).eval()
    if isinstance(method, MAE):
        mask = random_mask(len(subset), method.length, method.mask_ratio, generator=generator)
        return inpainting_errors(network, subset, mask.to(subset.device))
    if isinstance(method, DVAE):
        tokens = network.encoder.tokens(normalize(subset))
        painted = denormalize(network.encoder.paint(tokens, columns=columns_of(method, subset)))
        error = (painted - to_unit(subset)).square().mean().item()
        grey = to_unit(subset).var(dim=(0, 2, 3), correction=0).mean().item()
        return {"error": error, "a grey picture's": grey} | codebook_usage(
            tokens, network.encoder.codes
        )
    if isinstance(method, BEiT):
        views, tokens, mask = network.task(subset, generator, normalize)
        right = network.logits(views, mask).argmax(dim=2) == tokens
        commonest = token_shares(tokens[mask], network.tokenizer.codes).max()
        return {
            "tokens named": right[mask].float().mean().item(),
            "the commonest token": commonest.item(),
        }
    return {}


def print_pretext(scores: dict[str, float]) -> None:
    """What `pretext_scores` found, in one line; nothing where there is nothing to say."""
    if scores:
        values = ", ".join(f"{name} {value:.4g}" for name, value in scores.items())
        print(f"\nIts own task, on test images: {values}")


def inpainting_errors(method: MAE, images: torch.Tensor, mask: torch.Tensor) -> dict[str, float]:
    """Mean squared error on hidden pixels: of MAE, and of every way to fill them in."""
    size = method.encoder.patch_size
    rebuilt = denormalize(method.reconstruct(normalize(images), mask))
    errors = {"error": hidden_error(rebuilt, images, mask, size)}
    for kind in FILLS:
        errors[kind] = hidden_error(fill_hidden(images, mask, size, kind), images, mask, size)
    return errors


def columns_of(method: nn.Module, images: torch.Tensor) -> int:
    return images.shape[3] // method.encoder.patch_size
