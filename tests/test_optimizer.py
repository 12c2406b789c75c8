"""What the optimiser does: which weights decay, how far a step goes."""

import math
import signal

import pytest
import torch
from trainings import SCENES, Recorder, config, same_weights, small_method

from sslcourse.networks import VisionTransformer
from sslcourse.train import fit
from sslcourse.train.optimizer import build_optimizer


def test_weights_decay_but_biases_and_norms_do_not():
    """With no gradient worth naming only the decay moves a weight."""
    method = Recorder()
    method.encoder.requires_grad_(True)
    before = [parameter.clone() for parameter in method.encoder.parameters()]
    method.loss = lambda views: (0 * method.encoder(views).sum(), {})
    fit(method, SCENES, config(steps=1, weight_decay=0.5, learning_rate=0.1, warmup=0))
    weight, bias = method.encoder.parameters()
    assert torch.allclose(weight, before[0] * (1 - 0.1 * 0.5))
    assert torch.equal(bias, before[1])


def test_weight_decay_goes_along_a_cosine_and_biases_keep_none():
    """With no gradient worth naming only the decay moves a weight, each step by its own share."""
    method = Recorder()
    method.encoder.requires_grad_(True)
    before = [parameter.clone() for parameter in method.encoder.parameters()]
    method.loss = lambda views: (0 * method.encoder(views).sum(), {})
    recipe = config(
        steps=4, weight_decay=0.1, weight_decay_end=0.5, learning_rate=0.2, warmup=0, watch=1
    )
    history = fit(method, SCENES, recipe)
    shrunk = 1.0
    for step, rate in enumerate(history["learning_rate"]):
        shrunk *= 1 - rate * (0.5 - 0.4 * (1 + math.cos(math.pi * step / 4)) / 2)
    weight, bias = method.encoder.parameters()
    assert torch.allclose(weight, before[0] * shrunk)
    assert torch.equal(bias, before[1])


def test_a_changing_weight_decay_goes_on_where_it_was(tmp_path):
    recipe = {"weight_decay": 0.1, "weight_decay_end": 0.9, "learning_rate": 0.02}
    whole, parts = small_method(), small_method()
    fit(whole, SCENES, config(**recipe))

    def press_control_c(step, history):
        if step == 3:
            signal.raise_signal(signal.SIGINT)

    resumable = config(**recipe, checkpoint=tmp_path / "run.pt")
    fit(parts, SCENES, resumable, on_step=press_control_c)
    resumed = small_method()
    fit(resumed, SCENES, resumable)
    assert same_weights(whole, resumed)
    with pytest.raises(ValueError, match="was trained with weight_decay_end = 0.9, not 0.5"):
        fit(
            small_method(),
            SCENES,
            config(**recipe | {"weight_decay_end": 0.5}, checkpoint=tmp_path / "run.pt"),
        )


def test_clipping_bounds_the_step():
    method = Recorder()
    method.loss = lambda views: (1e6 * method.encoder(views).sum(), {})
    before = [parameter.clone() for parameter in method.encoder.parameters()]
    recipe = config(steps=1, optimizer="sgd", clip=1.0, learning_rate=1.0, warmup=0, weight_decay=0)
    fit(method, SCENES, recipe)
    moved = sum(
        (after - start).square().sum()
        for after, start in zip(method.encoder.parameters(), before, strict=True)
    ).sqrt()
    assert moved.item() == pytest.approx(1.9, rel=1e-3)  # Nesterov's first step is 1 + 0.9


def test_tokens_and_positions_of_a_transformer_do_not_decay():
    network = VisionTransformer(16, 4, 24, 1, 3, positions="learned", layer_scale=0.1)
    decaying, staying = build_optimizer(network, config(weight_decay=0.5)).param_groups
    assert (decaying["weight_decay"], staying["weight_decay"]) == (0.5, 0.0)
    shapes = [tuple(p.shape) for p in staying["params"]]
    assert (1, 1, 24) in shapes and (1, 17, 24) in shapes, "class token and positions"
    assert all(p.ndim == 2 for p in decaying["params"]) and len(decaying["params"]) == 5
