"""What did a representation keep? One linear probe for each factor of a picture."""

from collections.abc import Sequence

from torch import Tensor

from sslcourse.data.images import ImageSet
from sslcourse.evaluate.probe import linear_probe

DISCRETE = ("shape", "colour", "texture", "background")


def factor_probes(
    train: Tensor,
    train_set: ImageSet,
    test: Tensor,
    test_set: ImageSet,
    factors: Sequence[str] = DISCRETE,
    *,
    iterations: int = 100,
) -> dict[str, float]:
    """Linear-probe accuracy for each factor: what can be read from the features.

    A high accuracy says that the factor is there and easy to read; chance says that no linear
    classifier finds it. Training the features may raise one factor and lower another.

    Args:
        train: features (N, D) of `train_set`, to learn from.
        train_set: images with ground truth, see `ImageSet.factors`.
        test: features (M, D) of `test_set`.
        test_set: other images with ground truth.
        factors: names of factors that are indices (int64); measures such as "x" need bins first.
        iterations: of each probe, see `linear_probe`; fewer are quicker and a little weaker.

    Returns:
        {factor: accuracy in [0, 1]}, in the order of `factors`.

    Raises:
        ValueError: a set without this factor, a factor that is a measure, or features that do not
            belong to their set.
    """
    for role, images in (("train_set", train_set), ("test_set", test_set)):
        known = images.factors or {}
        for name in factors:
            if name not in known:
                raise ValueError(
                    f"{role} has no factor {name!r}; choose from {', '.join(known) or 'none'}."
                )
            if known[name].is_floating_point():
                raise ValueError(
                    f"factor {name!r} is a measure, and a probe needs classes; put its values "
                    "into bins first, for example with torch.bucketize."
                )
    return {
        name: linear_probe(
            train, train_set.factors[name], test, test_set.factors[name], iterations=iterations
        ).accuracy
        for name in factors
    }
