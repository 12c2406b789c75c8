"""The small ResNet against torchvision's, and the projection head against its definition."""

import pytest
import torch
import torchvision

from sslcourse.networks import ProjectionHead, resnet


def test_resnet_18_computes_what_torchvision_computes():
    """The same weights, in order of definition, give the same features."""
    torch.manual_seed(0)
    theirs = torchvision.models.resnet18()
    theirs.fc = torch.nn.Identity()
    ours = resnet(64, (2, 2, 2, 2), stem="imagenet")
    values = list(theirs.state_dict().values())
    names = list(ours.state_dict())
    assert len(names) == len(values)
    ours.load_state_dict(dict(zip(names, values, strict=True)))
    images = torch.randn(2, 3, 64, 64)
    for train in (False, True):
        expected = theirs.train(train)(images)
        assert torch.allclose(ours.train(train)(images), expected, atol=1e-5)


@pytest.mark.parametrize("size", [32, 48])
def test_cifar_stem_keeps_the_size(size):
    encoder = resnet(16, (1, 1, 1, 1))
    images = torch.randn(2, 3, size, size)
    assert encoder.stem(images).shape == (2, 16, size, size)
    assert encoder.stages(encoder.stem(images)).shape == (2, 128, size // 8, size // 8)
    assert encoder(images).shape == (2, 128) and encoder.width_out == 128


def test_the_laptop_encoder_has_0_3_million_weights():
    assert sum(parameter.numel() for parameter in resnet().parameters()) == 307_536


def test_a_number_of_blocks_means_stages_of_one_block():
    assert len(resnet(8, 3).stages) == len(resnet(8, (1, 1, 1)).stages) == 3


def test_resnet_refuses_what_it_cannot_build():
    with pytest.raises(ValueError, match="cifar, imagenet"):
        resnet(16, stem="vgg")
    for width, blocks in ((4, (1,)), (8, ()), (8, (1, 0))):
        with pytest.raises(ValueError, match="at least 8 and every stage needs a block"):
            resnet(width, blocks)


def test_layout_changes_nothing():
    torch.manual_seed(0)
    encoder, images = resnet(8, (1, 1)), torch.randn(4, 3, 16, 16)
    expected = encoder(images)
    actual = encoder.to(memory_format=torch.channels_last)(images)
    assert torch.allclose(actual, expected, atol=1e-5)


def test_head_normalises_every_layer_the_last_included():
    torch.manual_seed(0)
    head = ProjectionHead(12, 6, width_hidden=20, layers=3)
    assert [tuple(layer.weight.shape) for layer in head.linears] == [(20, 12), (20, 20), (6, 20)]
    z = head(torch.randn(64, 12) * 5 + 3)
    assert torch.allclose(z.mean(0), torch.zeros(6), atol=1e-5)
    assert torch.allclose(z.std(0, unbiased=False), torch.ones(6), atol=1e-3)


def test_head_without_norm_is_a_plain_mlp():
    torch.manual_seed(0)
    head, h = ProjectionHead(5, 3, layers=2, norm=False), torch.randn(7, 5)
    first, second = head.linears
    assert torch.allclose(head(h), second(first(h).clamp(min=0)), atol=1e-6)


def test_head_refuses_no_layers():
    with pytest.raises(ValueError, match="at least 1"):
        ProjectionHead(8, 4, layers=0)
