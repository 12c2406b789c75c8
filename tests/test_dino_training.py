"""DINO in training: who learns, what stays frozen, resuming, and both kinds of collapse."""

import copy
import math

import pytest
import torch
from dinos import IMAGES, method, parameters, same, views_of, vit
from resuming import check_resuming

from sslcourse.data import load
from sslcourse.networks import resnet
from sslcourse.scores import compare, kept_encoder
from sslcourse.train import TrainConfig, fit


@pytest.mark.parametrize("encoder", [lambda: resnet(8, 2), vit])
def test_any_encoder_learns_only_the_student(encoder):
    dino = method(encoder())
    dino.loss(views_of(dino))[0].backward()
    fixed = "head.last.parametrizations.weight.original0"  # the gain
    for name, parameter in dino.named_parameters():
        has_none = name.startswith("teacher_") or name == fixed
        assert (parameter.grad is None) == has_none, name
    z = dino(views_of(dino)[0])
    assert z.shape == (16, 6) and torch.allclose(z.norm(dim=1), torch.ones(16), atol=1e-5)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_prototypes_stay_while_they_are_frozen(optimizer):
    dino = method(frozen=0.5)
    moved = []

    def watch(step, history):
        moved.append(not torch.equal(dino.head.last.weight, start))

    start = dino.head.last.weight.detach().clone()
    first = parameters(dino.encoder)
    fit(dino, IMAGES, TrainConfig(steps=6, batch_size=16, optimizer=optimizer), on_step=watch)
    assert moved == [False] * 3 + [True] * 3
    assert not same(first, parameters(dino.encoder))


def test_resuming_is_exact(tmp_path):
    options = {"start_temperature": 0.02, "temperature_warmup": 0.9, "frozen": 0.4}
    check_resuming(lambda: method(**options), IMAGES, tmp_path)


def test_the_teacher_is_what_the_table_judges():
    dino = method()
    with torch.no_grad():  # a student that says the same of everything
        dino.encoder.norm.weight.zero_()
    assert kept_encoder(dino) is dino.teacher_encoder
    untrained = copy.deepcopy(dino.teacher_encoder)
    table = compare(dino, untrained, load("scenes", limit=100), load("scenes", "test", limit=100))
    names = ["pixels", "untrained encoder, h", "DINO teacher, h", "DINO teacher, z"]
    assert list(table) == [*names, "DINO student, h"]
    assert table["DINO teacher, h"] == table["untrained encoder, h"] != table["DINO student, h"]


def end_of_training(**options):
    """Means of the last ten of 100 steps, and the first step's divergence."""
    images = load("scenes", limit=256)
    dino = method(**{"momentum": 0.9, **options})
    recipe = TrainConfig(steps=100, batch_size=32, learning_rate=3e-3, precision="float32", watch=1)
    history = fit(dino, images, recipe)
    names = ("teacher_entropy", "kl", "kl_uniform")
    return *(sum(history[name][-10:]) / 10 for name in names), history["kl"][0]


def test_each_force_alone_collapses_and_both_together_do_not():
    """Section 5.3 of the paper: one prototype for all, the uniform output, or neither."""
    chance = math.log(10)
    entropy, kl, gap, _ = end_of_training(center_momentum=1.0)
    assert entropy < 0.05 * chance and gap > 0.95 * chance and kl < 0.05
    entropy, kl, gap, _ = end_of_training(sharpening=False)
    assert entropy > 0.95 * chance and gap < 0.05 * chance and kl < 0.05
    entropy, kl, gap, first = end_of_training()
    assert 0.05 * chance < entropy < 0.95 * chance and gap < 0.9 * chance
    assert 0.1 < kl < 0.5 * first, "the student learns, and there is something left to learn"
