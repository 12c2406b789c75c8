"""Split batch norm: each group of a batch is normalised as if it were alone."""

import pytest
import torch
from torch import nn

from sslcourse.networks import SplitBatchNorm2d, resnet, split_batch_norm


def images(count=12):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(count, 4, 5, 5, generator=generator) * 3 + 1


def test_each_group_is_normalised_as_if_it_were_alone():
    split, plain = SplitBatchNorm2d(4, 3), nn.BatchNorm2d(4)
    with torch.no_grad():
        split.weight.copy_(torch.arange(1.0, 5.0))
        plain.weight.copy_(torch.arange(1.0, 5.0))
    x = images()
    alone = torch.cat([plain(part) for part in x.chunk(3)])
    assert torch.allclose(split(x), alone, atol=1e-5)


def test_running_statistics_are_the_mean_over_groups():
    split, x = SplitBatchNorm2d(4, 3), images()
    split(x)
    means = torch.stack([part.mean(dim=(0, 2, 3)) for part in x.chunk(3)])
    assert torch.allclose(split.running_mean, 0.1 * means.mean(0), atol=1e-5)
    assert split.num_batches_tracked == 1


def test_evaluation_is_ordinary():
    split, plain = SplitBatchNorm2d(4, 3).eval(), nn.BatchNorm2d(4).eval()
    x = images(7)  # no multiple of the groups, and none needed
    assert torch.allclose(split(x), plain(x), atol=1e-6)


def test_a_network_keeps_its_weights():
    network = resnet(8, 2)
    network(torch.randn(4, 3, 16, 16))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert split_batch_norm(network, 2) is network
    after = network.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms and all(isinstance(norm, SplitBatchNorm2d) for norm in norms)


def test_batches_that_do_not_divide():
    with pytest.raises(ValueError, match="can't be split into 5 equal groups"):
        SplitBatchNorm2d(4, 5)(images())
    with pytest.raises(ValueError, match="groups must be at least 1"):
        SplitBatchNorm2d(4, 0)
