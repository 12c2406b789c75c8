"""Relations that show where numbers stand: rows in another order, right but for some places."""

import torch
from torch import Tensor

from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.relations.amounts import varied
from sslcourse.teach.checks.relations.relation import Relation, Seen

ORDINALS = ("first", "second", "third", "fourth")
FEW = 4  # among fewer rows, columns or numbers one is right by luck
Table = tuple[str, Tensor, Tensor]  # which result it is, what came, what was expected


def tables(seen: Seen, rows: int = 2) -> list[Table]:
    """All wrong results of at least so many rows; none where a result is a single number."""
    found = []
    for came, expected in seen.results():
        several = isinstance(expected, tuple)
        sides = (came, expected) if several else ((came,), (expected,))
        for place, (a, b) in enumerate(zip(*sides, strict=True), 1):
            if not isinstance(b, Tensor) or a.shape != b.shape or not b.ndim:
                return []
            if len(b) >= rows and not close(a, b):
                found.append(
                    (
                        f" of the {ORDINALS[place - 1]} result" if several else "",
                        a.double(),
                        b.double(),
                    )
                )
    return found


def results_exchanged(seen: Seen) -> str:
    for came, expected in seen.results():
        if not isinstance(came, tuple) or not isinstance(expected, tuple) or len(came) < 2:
            return ""
        if close(came, expected) or not close(came[::-1], expected):
            return ""
    return "Your results are right, but in the opposite order."


def rows_moved(seen: Seen) -> str:
    """Every row is there, elsewhere."""
    found = tables(seen)
    orders = [order_of(a.flatten(1), b.flatten(1)) for _, a, b in found if a.ndim > 1]
    if not orders or len(orders) < len(found) or None in orders:
        return ""
    return moved("row", found[0][0], orders[0])


def columns_moved(seen: Seen) -> str:
    """Every column is there, elsewhere; of more dimensions the second one counts."""
    found = tables(seen)
    turned = [(a.transpose(0, 1), b.transpose(0, 1)) for _, a, b in found if a.ndim > 1]
    orders = [order_of(a.flatten(1), b.flatten(1)) for a, b in turned]
    if not orders or len(orders) < len(found) or None in orders:
        return ""
    return moved("column", found[0][0], orders[0])


def moved(words: str, which: str, order: list[int]) -> str:
    place, row = next((i, j) for i, j in enumerate(order) if i != j)
    return (
        f"Every {words}{which} is there, but not in its place: where {words} {place} should be "
        f"stands {words} {row}."
    )


def order_of(came: Tensor, expected: Tensor) -> list[int] | None:
    """Which of the expected rows (N, D) stands at each place; None where one is missing."""
    same = torch.isclose(came[:, None], expected[None], rtol=1e-3, atol=1e-4).all(dim=2)  # (N, N)
    order: list[int] = []
    for row in same.tolist():
        fits = next((j for j, fit in enumerate(row) if fit and j not in order), None)
        if fits is None:
            return None
        order.append(fits)
    return None if order == sorted(order) else order


def numbers_moved(seen: Seen) -> str:
    """Every single number is there, elsewhere."""
    found = tables(seen, rows=1)  # a learner sees the first example, which may have one row only
    if not found or not all(
        varied(b.flatten()) and close(a.flatten().sort().values, b.flatten().sort().values)
        for _, a, b in found
    ):
        return ""
    which, came, expected = found[0]
    place = (~torch.isclose(came, expected, rtol=1e-3, atol=1e-4)).nonzero()[0]
    source = torch.isclose(expected, came[tuple(place)], rtol=1e-3, atol=1e-4).nonzero()[0]
    return (
        f"Every number{which} is there, but not in its place: at {place.tolist()} stands what "
        f"belongs at {source.tolist()}."
    )


def axes_exchanged(seen: Seen) -> str:
    found = tables(seen)
    dims = {a.ndim for _, a, _ in found}
    for i, j in torch.combinations(torch.arange(dims.pop())).tolist() if len(dims) == 1 else ():
        turned = [(a.transpose(i, j), b) for _, a, b in found]
        if all(close(a, b) for a, b in turned):
            return f"Dimensions {i} and {j} are exchanged: the numbers are right, but mirrored."
    return ""


def right_in_places(seen: Seen) -> str:
    """Right but for the diagonal, what lies on one side of it, some rows, or some columns."""
    found = tables(seen)
    wrong = [~torch.isclose(a, b, rtol=1e-3, atol=1e-4) for _, a, b in found]
    if not wrong or not varied(found[0][2].flatten()):
        return ""
    if all(x.ndim == 2 and x.shape[0] == x.shape[1] > 1 for x in wrong):
        everything = [torch.ones_like(x) for x in wrong]
        for words, part in (
            ("Only the diagonal is wrong.", lambda x: x.triu() & x.tril()),
            ("Only the diagonal is right.", lambda x: ~(x.triu() & x.tril())),
            ("Wrong is all that lies above the diagonal.", lambda x: x.triu(1)),
            ("Wrong is all that lies below the diagonal.", lambda x: x.tril(-1)),
        ):
            if all(torch.equal(x, part(y)) for x, y in zip(wrong, everything, strict=True)):
                return words
    which = found[0][0]
    if len({name for name, _, _ in found}) > 1:
        return ""
    kinds = ("row", "column" if wrong[0].ndim == 2 else "place")
    if max(wrong[0].shape) < FEW:
        return ""
    for dim, words in enumerate(kinds):
        if dim and any(x.ndim < 2 for x in wrong):
            return ""
        bad = [x.transpose(0, dim).reshape(x.shape[dim], -1).any(dim=1) for x in wrong]
        if all(2 * int(x.sum()) <= len(x) for x in bad):
            kind = "number" if wrong[0].ndim == 1 else words
            where = " along dimension 1" if kind == "place" else ""
            return f"Wrong{which} {listed(bad[0], kind)}{where}; the others are right."
    return ""


def listed(bad: Tensor, words: str) -> str:
    places = bad.nonzero().flatten().tolist()
    if len(places) == 1:
        return f"is {words} {places[0]}"
    texts = [str(place) for place in places[:6]]
    end = f", … ({len(places)} of them)" if len(places) > 6 else f" and {texts.pop()}"
    return f"are {words}s {', '.join(texts)}{end}"


def marks(seen: Seen) -> str:
    """Of true and false, or ones and zeros: all that should be marked and more, or only some."""
    found = tables(seen)
    if not found or not all(bool(((b == 0) | (b == 1)).all()) for _, _, b in found):
        return ""
    if not all(bool(((a == 0) | (a == 1)).all()) and bool(a.any()) for _, a, _ in found):
        return ""
    which, came, expected = found[0]
    counts = f"{int(came.sum())} instead of {int(expected.sum())}"
    if all(bool((a >= b).all()) for _, a, b in found):
        return f"You mark what should be marked{which}, and more: {counts}."
    if all(bool((a <= b).all()) for _, a, b in found):
        return f"You mark too little{which}: {counts}; what you mark is right."
    return ""


PLACES = (
    Relation(
        "marks-too-many-or-too-few",
        (
            "What do those have in common that you mark and should not, or the other way round?",
            "Equal numbers, a limit that is just reached, and a first or last place are where "
            "such sets differ.",
            "Look at < and <=, at `range`, and at what your function does with ties.",
        ),
        marks,
    ),
    Relation(
        "results-exchanged",
        (
            "Look at the last line of your function and at the text of the task.",
            "Which result comes first?",
            "Exchange the results in `return`.",
        ),
        results_exchanged,
    ),
    Relation(
        "in-another-order",
        (
            "Nothing is lost. Which line moves the numbers?",
            "sort, flip, roll, argsort, stack and reshape change what stands where.",
            "Give three rows numbers that you recognise, 1, 2 and 3, and print them after each "
            "line.",
        ),
        lambda seen: rows_moved(seen) or columns_moved(seen) or numbers_moved(seen),
    ),
    Relation(
        "dimensions-exchanged",
        (
            "Write the shape of each intermediate result beside its line.",
            "Which of them is transposed, or multiplied from the other side?",
            "Transpose with .transpose(i, j), or exchange the two factors of the product.",
        ),
        axes_exchanged,
    ),
)
RIGHT_BUT_FOR_SOME = Relation(
    "right-but-for-some",
    (
        "What do the wrong ones have in common?",
        "A first or last one points at a border: `range`, a slice, < or <=. A diagonal points at "
        "pairs of something with itself.",
        "Follow a right and a wrong one through your function and see where they part.",
    ),
    right_in_places,
)
