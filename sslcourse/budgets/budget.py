"""What a budget says, and the two that most methods share."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from sslcourse.data.augment import Augment
from sslcourse.train.config import TrainConfig


@dataclass(frozen=True)
class Budget:
    """Sizes and training recipe of one method.

    Attributes:
        name: "laptop" or "full".
        images: most training images.
        probe_images: most training images that a probe learns from.
        test_images: most test images.
        image_size: photographs of a folder are brought to this size; None keeps theirs.
        network: the kind of encoder, see `sslcourse.build.NETWORKS`.
        encoder: its arguments.
        augment: the views.
        view_share: height of the views, as a share of the images' height.
        head: makes the projection head from the width of h; None leaves it to the method.
        method: further arguments of the method.
        training: how to train.
        small: the small views of methods that have some.
        small_share: height of the small views, as a share of the images' height.
    """

    name: str
    images: int
    probe_images: int
    test_images: int
    image_size: int | None
    network: str
    encoder: dict[str, Any]
    augment: Augment
    view_share: float
    method: dict[str, Any]
    training: TrainConfig
    head: Callable[[int], nn.Module] | None = None
    small: Augment | None = None
    small_share: float = 0.5


# few steps fit into 90 s, so they are many small ones with a high learning rate
QUICK = TrainConfig(seconds=90, batch_size=128, learning_rate=1e-2)
# SGD with MoCo's CIFAR-10 rates, for all methods on ResNet-18
LONG = TrainConfig(
    epochs=800, batch_size=512, learning_rate=0.06, weight_decay=5e-4, warmup=0.01, optimizer="sgd"
)

LAPTOP = Budget(
    name="laptop",
    images=20_000,
    probe_images=10_000,
    test_images=5_000,
    image_size=32,
    network="resnet",
    encoder={"width": 16, "blocks": (1, 1, 1, 1)},
    augment=Augment(),
    # Three quarters: half the work, and a crop shows an object at about the size that it has in a
    # whole image (Touvron et al. 2019, arXiv:1906.06423)
    view_share=0.75,
    method={},
    training=QUICK,
)
FULL = Budget(
    name="full",
    images=50_000,
    probe_images=50_000,
    test_images=10_000,
    image_size=32,
    network="resnet",
    encoder={"width": 64, "blocks": (2, 2, 2, 2)},
    augment=Augment(crop_scale=(0.2, 1.0)),
    view_share=1.0,
    method={},
    training=LONG,
)
