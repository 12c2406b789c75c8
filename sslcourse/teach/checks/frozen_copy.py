"""04.4, the momentum encoder: a copy of its own that nobody trains."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from sslcourse.networks.ema import ema_copy
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.momentum import SLOW, network, vector
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.task import Mistake, Returned, Task, given


def with_copy(function: Callable) -> Callable:
    """A copy's weights, before or after its model has changed, or which of both is trained."""

    def run(weights: Tensor, ask: str = "weights") -> Tensor:
        model = network(weights, True)
        model.append(nn.BatchNorm1d(2, affine=False))
        model[-1].running_mean.fill_(3.0)
        copied = function(model)
        if not isinstance(copied, nn.Module):
            raise Returned(f"expected a network, your function returned a {type(copied).__name__}.")
        trained = {"gradient": copied, "original": model}
        if ask in trained:
            return torch.tensor([p.requires_grad for p in trained[ask].parameters()])
        if ask == "mode":
            return torch.tensor(model.training)
        if ask == "copy's mode":
            return torch.tensor(copied.training)
        if ask == "buffers":
            model[-1].running_mean.add_(1)
            return torch.cat([b.flatten() for b in copied.buffers()] or [torch.zeros(0)])
        if ask == "later":
            for parameter in model.parameters():
                parameter.data.add_(1)  # in place, as an optimiser does it
        return vector(copied)

    return run


COPY = (
    Mistake(
        "shares-the-weights",
        "When the encoder changes, your copy changes too: both are the same tensors.",
        (
            "What does `copy = encoder` copy?",
            "Only a name. copy.copy shares the parameters as well.",
            "copy.deepcopy(encoder)",
        ),
        lambda f: not close(f(SLOW, "later"), SLOW) and close(f(SLOW), SLOW),
    ),
    Mistake(
        "starts-with-other-weights",
        "The copy doesn't start with the encoder's weights.",
        (
            "What should the keys be like at the first step?",
            "A new network has random weights of its own.",
            "copy.deepcopy(encoder), or load_state_dict(encoder.state_dict()).",
        ),
        lambda f: not close(f(SLOW), SLOW),
    ),
    Mistake(
        "copy-is-trained",
        "The copy's parameters ask for a gradient: an optimiser would train it.",
        (
            "How does the momentum encoder change?",
            "Only by following. Gradient descent must not touch it.",
            "copied.requires_grad_(False): `copied.requires_grad = False` only gives the module a "
            "new attribute, for the switches belong to its parameters.",
        ),
        lambda f: bool(f(SLOW, "gradient").any()),
    ),
    Mistake(
        "encoder-frozen-too",
        "The encoder itself asks for no gradient any more: you froze it instead of, or beside, the "
        "copy.",
        (
            "Which of the two networks does the optimiser train?",
            "Only the copy is frozen.",
            "Copy first: copied = copy.deepcopy(encoder); then copied.requires_grad_(False).",
        ),
        lambda f: not bool(f(SLOW, "original").all()),
    ),
    Mistake(
        "encoder-put-into-eval-mode",
        "The encoder itself is in evaluation mode afterwards; it was in training mode.",
        (
            "Which network did you call .eval() on?",
            "A mode stays until somebody changes it: the encoder would train in evaluation mode.",
            "Leave out .eval(); copying needs no mode.",
        ),
        lambda f: not f(SLOW, "mode"),
    ),
    Mistake(
        "copy-in-another-mode",
        "Your copy is in evaluation mode, while the encoder is in training mode: a BatchNorm of "
        "the copy would not measure its batch.",
        (
            "Encode one batch with both right after copying. Do they agree?",
            "Nobody trains the copy, but it runs as the encoder does.",
            "Leave out .eval(); requires_grad_(False) is enough.",
        ),
        lambda f: not f(SLOW, "copy's mode"),
    ),
)

TASKS = (
    Task(
        "04.4",
        "the momentum encoder",
        "my_ema_copy(encoder)",
        "An encoder. Return a copy with the same weights and buffers, in tensors of its own and in "
        "the same mode, that is not trained. The encoder stays as it is.",
        given(SLOW),
        (
            *from_reference(with_copy(ema_copy), given(SLOW), names="weights"),
            holds(
                "gradient",
                "the copy's parameters ask for a gradient.",
                lambda f: not f(SLOW, "gradient").any(),
            ),
            holds(
                "gradient",
                "the encoder's own parameters ask for no gradient any more.",
                lambda f: bool(f(SLOW, "original").all()),
            ),
            holds(
                "invariance",
                "the copy changes when the encoder changes.",
                lambda f: close(f(SLOW, "later"), SLOW),
            ),
            holds(
                "invariance",
                "the copy's buffers (a BatchNorm's running statistics) are not the encoder's, or "
                "change with them.",
                lambda f: f(SLOW, "buffers").tolist() == [3.0, 3.0, 1.0, 1.0, 0.0],
            ),
            holds(
                "invariance",
                "the encoder is in evaluation mode afterwards; it was in training mode.",
                lambda f: bool(f(SLOW, "mode")),
            ),
            holds(
                "invariance",
                "the copy is in evaluation mode; the encoder is in training mode.",
                lambda f: bool(f(SLOW, "copy's mode")),
            ),
        ),
        COPY,
        with_copy,
        1,
    ),
)
