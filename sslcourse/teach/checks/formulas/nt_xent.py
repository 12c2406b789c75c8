"""03.1 and 03.7: NT-Xent, of two views and of more."""

from itertools import combinations, combinations_with_replacement

import torch
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way
from sslcourse.teach.checks.formulas.similarities import SHARED, contrasted, similarities


def nt_xent(way: Way, z1: Tensor, z2: Tensor, *, temperature: float) -> Tensor:
    z, n = torch.cat([z1, z2]), len(z1)
    similarity = similarities(way, z, z)  # (2N, 2N)
    places = torch.arange(2 * n)
    partner = (places + n) % (2 * n)
    absent = torch.eye(2 * n, dtype=torch.bool)
    if way("negatives") == "the-view-itself":
        absent = torch.zeros_like(absent)
    side = places[:, None] // n == places // n
    if way("negatives") == "own-side-only":
        absent = absent | ~side
    if way("negatives") == "other-side-only":
        absent = absent | side
    if way("positive") == "next-image":
        partner = partner.roll(-1)
    if way("positive") == "next-row":
        partner = places.roll(-1)
    if way("positive") == "neighbour-in-twos":
        partner = places + 1 - 2 * (places % 2)
    if way("positive") == "always-the-first":
        partner = torch.zeros_like(partner)
    if way("positive") == "first-views":
        partner = places % n
    absent = absent.scatter(1, partner[:, None], True)
    positive = similarity[places, partner]  # (2N,)
    negative = similarity.masked_fill(absent, -torch.inf)  # (2N, 2N)
    if way("negatives") == "zero-for-itself":
        negative = negative.masked_fill(torch.eye(2 * n, dtype=torch.bool), 0.0)
    chosen = {"first-views-only": lambda: slice(0, n), "second-views-only": lambda: slice(n, None)}
    rows = chosen.get(way("anchors"), lambda: slice(None))()
    return contrasted(way, positive[rows], negative[rows], temperature)


def multi_view(way: Way, views: list[Tensor], *, temperature: float) -> Tensor:
    kind = way("views")
    pairs = list(combinations(range(len(views)), 2))
    if kind == "a-view-with-itself":
        pairs = list(combinations_with_replacement(range(len(views)), 2))
    if kind == "first-with-the-others":
        pairs = [(0, j) for j in range(1, len(views))]
    if kind == "neighbours-only":
        pairs = [(i, i + 1) for i in range(len(views) - 1)]
    if kind == "neighbours-in-a-ring":
        pairs = [(i, (i + 1) % len(views)) for i in range(len(views))]
    if kind == "mean-of-the-others":
        others = [(sum(views) - view) / (len(views) - 1) for view in views]
        found = [nt_xent(way, v, o, temperature=temperature) for v, o in zip(views, others)]
        return torch.stack(found).mean()
    terms = torch.stack(
        [nt_xent(way, views[i], views[j], temperature=temperature) for i, j in pairs]
    )
    ends = {
        "pairs-summed": lambda: terms.sum(),
        "largest-pair": lambda: terms.max(),
        "middle": lambda: terms.median(),
    }
    ends |= {"divided-by-views": lambda: terms.sum() / len(views)}
    ends |= {"divided-by-ordered-pairs": lambda: terms.mean() / 2}
    return ends.get(way("pairs"), lambda: terms.mean())()


NEGATIVES = {
    "the-view-itself": "each view counts itself as a negative",
    "zero-for-itself": "the similarity of a view with itself is set to 0, not left out",
    "own-side-only": "only the views of the own side are negatives",
    "other-side-only": "only the other view of the other images are negatives",
}
PARTNER = {
    "next-image": "the positive is the other view of the next image",
    "next-row": "the positive is the next row",
    "neighbour-in-twos": "the positive is the neighbour, as if views 1 and 2 took turns",
    "always-the-first": "the positive is always the first row",
    "first-views": "the positive is always a first view, for first views themselves",
}
NT_XENT = {
    **SHARED,
    "negatives": NEGATIVES,
    "positive": PARTNER,
    "anchors": {
        "first-views-only": "only the first views are anchors",
        "second-views-only": "only the second views are anchors",
    },
}
FORMULAS = {
    "03.1": Formula(nt_xent, NT_XENT),
    "03.7": Formula(
        multi_view,
        {
            **NT_XENT,
            "views": {
                "a-view-with-itself": "each view is compared with itself, too",
                "first-with-the-others": "only the first view is compared with the others",
                "mean-of-the-others": "each view is compared with the mean of the others",
                "neighbours-only": "only neighbouring views are compared",
                "neighbours-in-a-ring": "only neighbouring views are compared, in a ring",
            },
            "pairs": {
                "pairs-summed": "the pairs are summed, not averaged",
                "largest-pair": "only the pair with the largest loss counts",
                "middle": "the median of the pairs is taken",
                "divided-by-views": "the sum over pairs is divided by the number of views",
                "divided-by-ordered-pairs": "the sum is divided by twice the number of pairs",
            },
        },
    ),
}
