"""Relations between gradients, where the value is right."""

from torch import Tensor

from sslcourse.teach.checks.cases import trained_names
from sslcourse.teach.checks.numbers import close, number
from sslcourse.teach.checks.relations.amounts import times
from sslcourse.teach.checks.relations.nearly import NEARLY
from sslcourse.teach.checks.relations.relation import Relation, Seen
from sslcourse.teach.checks.task import Attempt


def slopes(seen: Seen) -> list[tuple[str, Tensor, Tensor]]:
    """Name of an input, its gradient and the right one; none where no gradient comes at all."""
    names = trained_names(seen.call, seen.beside.words)
    came, expected = (gradients(f, seen) for f in (seen.f, seen.beside.right))
    return [] if came is None else list(zip(names, came, expected, strict=True))


def gradients(f: Attempt, seen: Seen) -> list[Tensor] | None:
    return f.gradients(*seen.call.args, **seen.call.kwargs)


def not_finite(seen: Seen) -> str:
    bad = [name for name, came, _ in slopes(seen) if not bool(came.isfinite().all())]
    return f"The gradient of `{bad[0]}` is inf or nan, though the value is right." if bad else ""


def cut(seen: Seen) -> str:
    bad = [
        name
        for name, came, expected in slopes(seen)
        if not bool(came.any()) and float(expected.abs().max()) > 1e-6
    ]
    return f"The value is right, but no gradient arrives at `{bad[0]}`." if bad else ""


def in_excess(seen: Seen) -> str:
    bad = [
        name
        for name, came, expected in slopes(seen)
        if not bool(expected.any()) and float(came.abs().max()) > 1e-6
    ]
    return f"A gradient arrives at `{bad[0]}`, and none should." if bad else ""


def scaled(seen: Seen) -> str:
    for name, came, expected in slopes(seen):
        ratio = None if close(came, expected) else times(came.flatten(), expected.flatten())
        if ratio is not None:
            share = "half" if 0.499 < ratio < 0.501 else f"{number(ratio)} times"
            return f"The gradient of `{name}` is {share} what it should be."
    return ""


def along_the_rows(seen: Seen) -> str:
    """A gradient that should not change lengths does."""
    inputs = {name: x for name, x in zip(trained_names(seen.call, seen.beside.words), floats(seen))}
    for name, came, expected in slopes(seen):
        x = inputs[name]
        if x.ndim < 1 or x.shape[-1] < 2:
            continue
        along = [(g * x).sum(dim=-1).abs().max() for g in (came, expected)]
        if float(along[1]) < 1e-5 and float(along[0]) > 1e-3:
            return (
                f"The gradient of `{name}` would change the lengths of its rows, and the right one "
                "does not: the length that you divide by is detached."
            )
    return ""


def floats(seen: Seen) -> list[Tensor]:
    """The inputs that can have a gradient, in order."""
    found: list[Tensor] = []
    for value in seen.call.args:
        parts = value if isinstance(value, (list, tuple)) else [value]
        found += [x for x in parts if isinstance(x, Tensor) and x.is_floating_point()]
    return found


def imprecise(seen: Seen) -> str:
    off = [
        float((came - expected).abs().max() / expected.abs().max())
        for _, came, expected in slopes(seen)
        if bool(expected.any())
    ]
    if not off or max(off) > NEARLY:
        return ""
    return f"The gradient is off by {100 * max(off):.2g} % only: it is computed too coarsely."


def in_part(seen: Seen) -> str:
    bad = [name for name, came, expected in slopes(seen) if not close(came, expected)]
    if not bad:
        return ""
    return (
        f"The value is right, but not the gradient of `{bad[0]}`: one way from it to the result "
        "is cut, or one that should be cut is open."
    )


DETACHED = (
    "What in your function is computed from it, and how often?",
    ".detach(), .data, torch.no_grad(), .item() and torch.tensor(...) cut one way, while others "
    "stay open.",
    "Follow it from the input to the result and take the cut out.",
)
SLOPES = (
    Relation(
        "gradient-not-finite",
        (
            "Which function has an infinite slope at some number?",
            "The square root, a norm and the logarithm have one at 0; a `where` does not help, as "
            "both its sides are differentiated.",
            "Work with squares where you can, or keep the number away from 0 before the root.",
        ),
        not_finite,
    ),
    Relation("gradient-does-not-arrive", DETACHED, cut),
    Relation(
        "gradient-where-none-belongs",
        (
            "Which of the inputs are targets, to be taken as they are?",
            "A target must not be drawn towards the prediction.",
            "Use .detach() or torch.no_grad() where the target is computed.",
        ),
        in_excess,
    ),
    Relation("gradient-off-by-a-factor", DETACHED, scaled),
    Relation(
        "length-is-detached",
        (
            "The division by the length has a slope, too.",
            ".detach(), .data or torch.no_grad() around the norm cuts it off.",
            "Divide by x.norm(dim=-1, keepdim=True) itself, or use F.normalize.",
        ),
        along_the_rows,
    ),
    Relation(
        "gradient-computed-coarsely",
        (
            "In which precision does your function work?",
            ".half(), .bfloat16() and rounding leave two or three digits.",
            "Stay in float32.",
        ),
        imprecise,
    ),
    Relation("gradient-cut-in-part", DETACHED, in_part),
)
