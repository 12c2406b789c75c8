"""From a budget to a method with fresh weights."""

from dataclasses import replace

import torch
from torch import nn

from sslcourse.budgets import Budget
from sslcourse.methods import DINO, DVAE, MAE, BEiT, MoCo, SimCLR, SwAV
from sslcourse.networks import ImageTokenizer, VisionTransformer, resnet

METHODS = {
    "simclr": SimCLR,
    "moco": MoCo,
    "swav": SwAV,
    "mae": MAE,
    "tokenizer": DVAE,
    "beit": BEiT,
    "dino": DINO,
}
NETWORKS = {"resnet": resnet, "vit": VisionTransformer, "tokenizer": ImageTokenizer}


def build(
    method: str,
    chosen: Budget,
    seed: int,
    image_size: int = 32,
    *,
    tokenizer: ImageTokenizer | None = None,
) -> nn.Module:
    """A fresh method of a budget's size; the same seed gives the same weights.

    Args:
        method: one of `METHODS`.
        chosen: see `sslcourse.budgets.budget`.
        seed: of the weights.
        image_size: height of the training images in pixels.
        tokenizer: for "beit" only, whose targets it makes.

    Raises:
        ValueError: "beit" without a tokenizer, or sizes that don't fit.
    """
    size = round(chosen.view_share * image_size)
    arguments = dict(chosen.method)
    arguments["augment"] = replace(chosen.augment, size=size)
    if chosen.small is not None:
        arguments["small"] = replace(chosen.small, size=round(chosen.small_share * image_size))
    if method == "beit":
        if tokenizer is None:
            raise ValueError("BEiT needs a tokenizer that says what the hidden patches show.")
        arguments["tokenizer"] = tokenizer
    sizes = dict(chosen.encoder)
    if chosen.network == "vit":
        sizes["image_size"] = size  # positions are made for the views
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        encoder = NETWORKS[chosen.network](**sizes)
        if chosen.head is not None:
            arguments["head"] = chosen.head(encoder.width_out)
        return METHODS[method](encoder, **arguments)


def fit_queue(chosen: Budget, batch_size: int) -> Budget:
    """A queue holds whole steps: shorten a budget's to a multiple of the keys of one step."""
    arguments = dict(chosen.method)
    if arguments.get("queue_size"):
        keys = batch_size * (2 if arguments.get("symmetric") else 1)
        arguments["queue_size"] = max(arguments["queue_size"] // keys, 1) * keys
    return replace(chosen, method=arguments)
