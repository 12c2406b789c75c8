"""Cross-entropy between two views: the mistakes that SwAV's and DINO's losses share.

Both compare every target with the prediction of every *other* view. In SwAV the target is an
assignment; in DINO it is a teacher's centred, sharpened output.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like, factor
from sslcourse.teach.checks.numbers import close, drawn
from sslcourse.teach.checks.swapped_pairs import missing_pairs, wrong_pairs
from sslcourse.teach.checks.swapped_scale import wrong_scales
from sslcourse.teach.checks.task import Attempt, Call, Mistake

log_softmax = partial(torch.log_softmax, dim=1)


def scores(views: int, count: int = 3, seed: int = 0) -> list[Tensor]:
    return [drawn(count, 4, seed=seed + view).tanh() for view in range(views)]


def others(target: int, prediction: int) -> bool:
    """Which pairs of views the right losses compare."""
    return target != prediction


def cross_entropy(p: Tensor, log_q: Tensor) -> Tensor:
    return -(p * log_q).sum(dim=1).mean()


def divergence(p: Tensor, log_q: Tensor) -> Tensor:
    """Kullback and Leibler's: cross-entropy without the entropy of the targets."""
    return (torch.special.xlogy(p, p) - p * log_q).sum(dim=1).mean()


def exchanged(p: Tensor, log_q: Tensor) -> Tensor:
    """Cross-entropy with the roles of target and prediction exchanged."""
    return -(log_q.exp() * p.log()).sum(dim=1).mean()


def pairs_of(
    target: Callable,
    divided: Callable,
    *,
    wanted: Callable[[int, int], bool] = others,
    log: Callable[[Tensor], Tensor] = log_softmax,
    term: Callable[[Tensor, Tensor], Tensor] = cross_entropy,
) -> Callable:
    """A loss that is right, but for what is given.

    Args:
        target: makes a target of what is known of a view.
        divided: scores of a prediction, divided by their temperature.
        wanted: which pairs are compared, by the numbers of target and prediction.
        log: of these scores.
        term: of target and log.
    """

    def loss(predictions: list[Tensor], targets: list[Tensor], *rest, **temperatures) -> Tensor:
        terms = [
            term(target(t, *rest, **temperatures), log(divided(p, **temperatures)))
            for i, t in enumerate(targets)
            for j, p in enumerate(predictions)
            if wanted(i, j)
        ]
        return torch.stack(terms).mean()

    return loss


def target_gradient(f: Attempt, call: Call) -> bool:
    """Whether a gradient reaches one of the targets, the second list of inputs."""
    found = f.gradients(*call.args, **call.kwargs)
    start, count = (len(part) for part in call.args[:2])
    targets = [] if found is None else found[start : start + count]
    return any(float(g.abs().max()) > 1e-9 for g in targets)


def shared(
    right: Callable, call: Callable, over: Callable, said: str, warmer: tuple[Call, ...]
) -> tuple[Mistake, ...]:
    """The mistakes that both losses know.

    Args:
        right: the right loss.
        call: makes inputs of some views, a number of images and a seed.
        over: `pairs_of` for this loss.
        said: what its targets are called.
        warmer: inputs at other temperatures.
    """
    calls = (call(), call(seed=5))
    return (
        *wrong_logarithm(calls, over),
        *wrong_softmax(calls, over),
        *wrong_pairs(calls, over, said),
        *missing_pairs(calls, said),
        *wrong_scales(right, call, warmer),
    )


def wrong_logarithm(calls: tuple[Call, ...], over: Callable) -> tuple[Mistake, ...]:
    """The logarithm is missing, or taken of the other side."""
    without_log = over(log=partial(torch.softmax, dim=1))
    return (
        Mistake(
            "logarithm-missing",
            "Uniform predictions cost 1 / K in your loss, not ln K: the logarithm is missing.",
            (
                "What is the chance line of this loss?",
                "Cross-entropy is minus the sum of p log q.",
                "Use F.log_softmax instead of softmax.",
            ),
            lambda f: close(abs(factor(f, without_log, *calls)), 1.0),
        ),
        Mistake(
            "roles-exchanged",
            "Your loss takes the logarithm of the targets and weighs it with the predictions; it "
            "should be the other way round.",
            (
                "Which of the two says how much each prototype counts?",
                "The target p is the weight, the prediction q stands in the logarithm.",
                "-(p * log_q).sum(dim=1).mean()",
            ),
            lambda f: acts_like(f, over(term=exchanged), *calls),
        ),
    )


def wrong_softmax(calls: tuple[Call, ...], over: Callable) -> tuple[Mistake, ...]:
    """A prediction that is no softmax over the prototypes, or another comparison."""
    return (
        Mistake(
            "softmax-over-the-batch",
            "A prediction's shares don't sum to 1 over the prototypes: the softmax runs over the "
            "images.",
            (
                "Over which axis do predictions sum to 1?",
                "Each image is distributed over the prototypes.",
                "F.log_softmax(…, dim=1)",
            ),
            lambda f: acts_like(f, over(log=partial(torch.log_softmax, dim=0)), *calls),
        ),
        Mistake(
            "softmax-before-the-loss",
            "F.cross_entropy gets probabilities instead of scores, and takes a softmax of a "
            "softmax: predictions can't become sharp.",
            (
                "What does F.cross_entropy do first?",
                "It takes the softmax itself.",
                "Hand it the scores divided by the temperature, as they are.",
            ),
            lambda f: acts_like(f, over(log=lambda x: log_softmax(torch.softmax(x, 1))), *calls),
        ),
        Mistake(
            "divergence-instead-of-cross-entropy",
            "Your loss is smaller than it should be by the entropy of the targets: it is a "
            "divergence, as F.kl_div gives it.",
            (
                "What do uniform predictions cost? It should be ln K, whatever the targets are.",
                "F.kl_div adds the sum of p log p. That changes no gradient, but the chance line.",
                "F.cross_entropy(scores / temperature, target), or -(p * log_q).sum(dim=1).mean()",
            ),
            lambda f: acts_like(f, over(term=divergence), *calls),
        ),
    )
