"""Relations between the cases: one is answered and another not, or numbers of another kind."""

from typing import Any

import torch

from sslcourse.teach.checks.cases import kind
from sslcourse.teach.checks.numbers import close, tensors_in
from sslcourse.teach.checks.relations.outlines import failed
from sslcourse.teach.checks.relations.relation import Relation, Seen, in_full, told_apart
from sslcourse.teach.checks.task import Call


def raises_for_some(seen: Seen) -> str:
    """The first example is answered, another one is not."""
    first = seen.beside.calls[0]
    if seen.call is first:
        return ""
    seen.f.result(first)
    try:
        seen.f.result(seen.call)
    except (Exception, SystemExit):
        sizes = told_apart(first, seen.call, seen.beside.words)
        return f"Your function works for {sizes[0]}, and stops with an error for {sizes[1]}."
    return ""


RAISES = Relation(
    "works-for-some-inputs-only",
    (
        "Which number in your function fits the first example only?",
        "A size that is written down, a square picture, or two sizes that happen to be equal can "
        "hide behind one example.",
        "Take all sizes from the inputs, such as x.shape[0]; where a sum or norm drops a dimension "
        "that is needed, use keepdim=True.",
    ),
    raises_for_some,
)


def different_inputs(first: Call, second: Call) -> int:
    """In how many inputs two calls differ."""

    def same(a: Any, b: Any) -> bool:
        tensors = tuple(tensors_in(a)), tuple(tensors_in(b))
        return close(*tensors) if tensors[0] or tensors[1] else a == b

    pairs = zip((*first.args, *first.kwargs.values()), (*second.args, *second.kwargs.values()))
    return sum(not same(a, b) for a, b in pairs)


def right_for_some(seen: Seen) -> str:
    """Some cases are right, and this one is not."""
    right = [
        call
        for call, (came, expected) in zip(seen.beside.calls, seen.results(), strict=True)
        if close(came, expected)
    ]
    if not right:
        return ""
    count = f"{len(right)} of {len(seen.beside.calls)} examples come out right"
    for call in right:
        if different_inputs(call, seen.call) == 1:  # nothing else can be the reason
            here, there = told_apart(call, seen.call, seen.beside.words)
            return f"{count}. It is right for {here}, and wrong for {there}."
    for call in right:
        if values := in_full(call, seen.beside.words):
            return f"{count}, such as {values}. This one does not."
    here, there = told_apart(right[0], seen.call, seen.beside.words)
    return f"{count}, by luck or not: it is right for {here}, and wrong for {there}."


RIGHT_FOR_SOME = Relation(
    "right-for-some-inputs",
    (
        "What does this example have that the right ones have not? Or are they right by luck?",
        "Look for equal numbers, zeros, an empty or full store, a first or last place, and sizes "
        "that happen to be equal in the other examples.",
        "Follow this example through your function by hand.",
    ),
    right_for_some,
)


def another_kind(seen: Seen) -> str:
    """Numbers where true and false were expected, say."""
    came, expected = failed(seen)
    pairs = zip(tensors_in(came), tensors_in(expected))
    for a, b in pairs:
        if kind(a) != kind(b):
            same = bool(((a != 0) == b).all()) if b.dtype == torch.bool else close(a, b)
            values = "the values are right" if same else "the values are not right either"
            return f"You return {a.dtype} where {kind(b)} numbers were expected; {values}."
    return ""


KINDS = (
    Relation(
        "another-kind-of-numbers",
        (
            "Which kind of numbers does the text ask for: decimals, whole numbers, true and false?",
            "A comparison gives true and false; topk, argsort and argmax give places; a softmax "
            "gives decimals.",
            "Use .bool(), .long() or .float() at the end, or compare, such as x > 0.",
        ),
        another_kind,
    ),
)
