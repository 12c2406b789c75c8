"""The image tokenizer and the discrete VAE that trains it."""

import math

import pytest
import torch
import torch.nn.functional as F
from resuming import check_resuming

from sslcourse.data import load
from sslcourse.methods import DVAE, codebook_usage, dvae_loss
from sslcourse.methods.dvae import codebook_entropy
from sslcourse.networks import ImageTokenizer
from sslcourse.train import TrainConfig, fit

IMAGES = load("scenes", limit=64)


def drawn(*shape, seed=0, dtype=torch.float32):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def tokenizer(**options):
    torch.manual_seed(0)
    return ImageTokenizer(**{"patch_size": 4, "codes": 16, "width": 16, "code_width": 8} | options)


def test_every_patch_becomes_one_code():
    network, images = tokenizer(), drawn(3, 3, 16, 24)
    logits, tokens = network.logits(images), network.tokens(images)
    assert logits.shape == (3, 24, 16) and tokens.shape == (3, 24)
    assert tokens.dtype == torch.int64 and torch.equal(tokens, logits.argmax(2))
    assert network.paint(tokens, columns=6).shape == images.shape
    histogram = network(images)
    assert histogram.shape == (3, 16) and torch.allclose(histogram.sum(1), torch.ones(3))
    assert histogram[1, 5] == (tokens[1] == 5).float().mean()


def test_tokens_stand_row_by_row():
    """A change in one corner changes the tokens there, and none in the corner opposite."""
    network, images = tokenizer(), drawn(1, 3, 64, 64)
    other = images.clone()
    other[:, :, :8, -8:] += 3
    changed = (network.logits(images) != network.logits(other)).any(2).view(16, 16)
    assert changed[:2, -2:].all() and not changed[8:].any() and not changed[:, :8].any()


def test_how_far_a_code_looks():
    """Four 3x3 convolutions reach four patches far; with a kernel of 1 only the patch counts."""
    images = drawn(1, 3, 64, 64)
    other = images.clone()
    other[:, :, 32:36, 32:36] += 3  # one patch
    for kernel, side in ((1, 1), (3, 9)):
        network = tokenizer(kernel=kernel)
        changed = (network.logits(images) != network.logits(other)).any(2).view(16, 16)
        rows, columns = changed.nonzero().T
        assert (rows.max() - rows.min() + 1, columns.max() - columns.min() + 1) == (side, side)
        assert changed[8, 8] and (rows.float().mean() - 8).abs() <= 0.5


def test_neither_the_batch_nor_the_mode_matters():
    network, images = tokenizer(), drawn(4, 3, 16, 16)
    together = network.train().logits(images)
    alone = torch.cat([network.eval().logits(image[None]) for image in images])
    assert torch.allclose(together, alone, atol=1e-5)


def test_painting_takes_vectors_of_the_codebook():
    network, tokens = tokenizer(), torch.tensor([[3, 1, 1, 0]])
    vectors = network.codebook[tokens[0]].T.view(1, 8, 2, 2)
    assert torch.allclose(network.paint(tokens), network.decoder(vectors), atol=1e-6)
    shares = F.one_hot(tokens, 16).float()
    assert torch.allclose(network.decode(shares), network.paint(tokens), atol=1e-6)


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda t: t.tokens(torch.zeros(1, 3, 18, 16)), "18x16 pixels can't be cut into patches"),
        (lambda t: t.paint(torch.tensor([[0, 16, 1, 2]])), "0 to 15, the codebook's 16 codes; got"),
        (lambda t: t.paint(torch.tensor([[0, -1, 1, 2]])), "got -1 to 2"),
        (lambda t: t.paint(torch.zeros(1, 4)), r"tokens must be whole numbers \(N, L\)"),
        (lambda t: tokenizer(codes=1), "codes at least 2, got"),
        (lambda t: tokenizer(kernel=2), "kernel must be odd, 1 or 3 for example, got 2"),
        (lambda t: tokenizer(width=0), "must be at least 1"),
        (lambda t: DVAE(t, temperature=(1.0, 0.0)), "temperatures must be greater than 0"),
        (lambda t: DVAE(t, balance=-1.0), "balance not negative"),
    ],
)
def test_bad_input(call, problem):
    with pytest.raises(ValueError, match=problem):
        call(tokenizer())


def loop_of_dvae_loss(pictures, images, shares, balance):
    pairs = list(zip(pictures.flatten().tolist(), images.flatten().tolist()))
    error = sum((a - b) ** 2 for a, b in pairs) / len(pairs)
    rows = shares.flatten(0, 1).tolist()
    mean = [sum(row[k] for row in rows) / len(rows) for k in range(len(rows[0]))]
    entropy = -sum(p * math.log(p) for p in mean if p > 0)
    return error + balance * (math.log(len(mean)) - entropy)


def test_the_loss_equals_the_loop():
    pictures, images = (drawn(2, 3, 4, 4, seed=s, dtype=torch.float64) for s in (0, 1))
    shares = torch.softmax(drawn(2, 4, 5, seed=2, dtype=torch.float64), 2)
    loss = dvae_loss(pictures, images, shares, balance=0.3)
    expected = loop_of_dvae_loss(pictures, images, shares, 0.3)
    assert loss.item() == pytest.approx(expected, rel=1e-12)


def test_the_balance_is_nothing_when_all_codes_are_used_alike_and_ln_k_when_one_is():
    picture = torch.zeros(1, 3, 4, 4)
    even, one = torch.eye(8)[None], torch.eye(8)[[0] * 8][None]
    assert dvae_loss(picture, picture, even, balance=1.0).item() == pytest.approx(0, abs=1e-6)
    assert dvae_loss(picture, picture, one, balance=1.0).item() == pytest.approx(math.log(8))
    assert codebook_entropy(even).item() == pytest.approx(math.log(8))


def test_bad_input_of_the_loss():
    picture, shares = torch.zeros(1, 3, 4, 4), torch.eye(4)[None]
    with pytest.raises(ValueError, match="must have one shape"):
        dvae_loss(picture, torch.zeros(1, 3, 8, 8), shares, balance=0.1)
    with pytest.raises(ValueError, match="balance must not be negative"):
        dvae_loss(picture, picture, shares, balance=-0.1)


def test_the_softened_choice_follows_the_formula():
    method = DVAE(tokenizer(), temperature=(2.0, 0.5))
    views, noise = method.make_views(IMAGES.images[:4], torch.Generator().manual_seed(0))
    assert views.shape == (4, 3, 32, 32) and noise.shape == (4, 64, 16)
    method.after_step(0.5)
    assert method.temperature_at(0.5) == pytest.approx(1.0)
    logits = method.encoder.logits(views)
    soft = torch.softmax((logits + noise) / 1.0, 2)
    expected = dvae_loss(
        method.encoder.decode(soft), views, torch.softmax(logits, 2), balance=method.balance
    )
    loss, diagnostics = method.loss((views, noise))
    assert loss.item() == pytest.approx(expected.item(), rel=1e-5)
    assert 1 <= float(diagnostics["used"]) <= 16
    assert float(diagnostics["chance"]) == pytest.approx(
        views.var(dim=(0, 2, 3), correction=0).mean().item(), rel=1e-5
    )


def test_the_noise_is_gumbels():
    """Its mean is Euler's constant, its variance pi^2 / 6, and its largest entry picks softmax."""
    method = DVAE(tokenizer())
    _, noise = method.make_views(load("scenes", limit=256).images, torch.Generator().manual_seed(0))
    assert noise.isfinite().all()
    assert noise.mean().item() == pytest.approx(0.5772, abs=0.01)
    assert noise.var().item() == pytest.approx(math.pi**2 / 6, abs=0.03)
    scores = torch.log(torch.arange(1.0, 17) / 136)
    picked = (
        torch.bincount((noise + scores).argmax(2).flatten(), minlength=16) / noise[..., 0].numel()
    )
    assert torch.allclose(picked, torch.arange(1.0, 17) / 136, atol=0.01)


def test_codebook_usage():
    usage = codebook_usage(torch.tensor([[0, 1], [0, 1]]), 8)
    assert usage == {"used": 0.25, "perplexity": pytest.approx(2.0)}
    assert codebook_usage(torch.arange(8)[None], 8)["perplexity"] == pytest.approx(8.0)


def test_training_paints_better_pictures_with_many_codes():
    torch.manual_seed(0)
    method = DVAE(ImageTokenizer(codes=32, width=32))
    history = fit(method, IMAGES, TrainConfig(steps=160, batch_size=32, learning_rate=1e-2))
    assert history["error"][-1] < 0.5 * history["chance"][-1], "a grey picture errs as much"
    assert history["used"][-1] > 8


def test_resuming_is_exact(tmp_path):
    check_resuming(lambda: DVAE(tokenizer()), IMAGES, tmp_path)
