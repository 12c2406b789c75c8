"""Factor probes find what the features hold, and nothing that they don't."""

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from sslcourse.data import load
from sslcourse.evaluate import factor_probes, linear_probe

CHANCE = {"shape": 1 / 10, "colour": 1 / 8, "texture": 1 / 4, "background": 1 / 4}


@pytest.fixture(scope="module")
def sets():
    return load("scenes", "train", limit=400), load("scenes", "test", limit=300)


def features_of(images, names: tuple[str, ...], seed: int) -> torch.Tensor:
    """Features that hold these factors, one-hot and mixed, and noise."""
    parts = [F.one_hot(images.factors[name]).float() for name in names]
    noise = torch.randn(len(images), 8, generator=torch.Generator().manual_seed(seed))
    hidden = torch.cat([*parts, 0.1 * noise], dim=1)
    mixing = torch.randn(hidden.shape[1], 20, generator=torch.Generator().manual_seed(9))
    return hidden @ mixing


def test_a_factor_that_the_features_hold_is_found_and_the_others_are_not(sets):
    train, test = sets
    held = ("shape",), ("colour", "background")
    for names in held:
        found = factor_probes(
            features_of(train, names, 0), train, features_of(test, names, 1), test
        )
        assert list(found) == list(CHANCE)
        for name, accuracy in found.items():
            if name in names:
                assert accuracy > 0.95, name
            else:
                assert accuracy < CHANCE[name] + 0.12, name


def test_each_factor_is_the_linear_probe_of_its_own_labels(sets):
    train, test = sets
    train_h, test_h = features_of(train, ("texture",), 0), features_of(test, ("texture",), 1)
    found = factor_probes(train_h, train, test_h, test, ("texture", "shape"))
    assert list(found) == ["texture", "shape"]
    for name, accuracy in found.items():
        labels = train.factors[name], test.factors[name]
        assert accuracy == linear_probe(train_h, labels[0], test_h, labels[1]).accuracy


def test_binned_measures_are_factors_too(sets):
    def with_side(images):
        side = (images.factors["x"] > 0).long()
        return replace(images, factors={**images.factors, "side": side})

    train, test = map(with_side, sets)
    train_h, test_h = train.factors["x"][:, None], test.factors["x"][:, None]
    assert factor_probes(train_h, train, test_h, test, ("side",))["side"] > 0.95


def test_refuses_what_it_cannot_probe(sets):
    train, test = sets
    train_h, test_h = features_of(train, ("shape",), 0), features_of(test, ("shape",), 1)
    with pytest.raises(ValueError, match="train_set has no factor 'mood'; choose from shape"):
        factor_probes(train_h, train, test_h, test, ("mood",))
    with pytest.raises(ValueError, match="test_set has no factor 'shape'; choose from none"):
        factor_probes(train_h, train, test_h, replace(test, factors=None), ("shape",))
    with pytest.raises(ValueError, match="'angle' is a measure"):
        factor_probes(train_h, train, test_h, test, ("angle",))
    with pytest.raises(ValueError, match="train needs features"):
        factor_probes(train_h[:5], train, test_h, test)
