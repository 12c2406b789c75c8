"""Wrong implementations of lesson 09: drawing, holding out, comparing."""

import torch
from collected import wrong


def places_of(labels, label):
    return (labels == label).nonzero()[:, 0]


def drawing(mistake, choose, *, start=lambda seed: torch.Generator().manual_seed(seed), what=None):
    """Collect a draw; choose(places, count, generator) gives some places of one class."""

    @wrong("09.2", mistake)
    def few(labels, count, seed):
        generator = start(seed)
        found = [choose(places_of(labels, c), count, generator) for c in labels.unique()]
        return torch.cat(found) if what is None else what(torch.cat(found), labels)


def mixed(places, count, generator):
    return places[torch.randperm(len(places), generator=generator)[:count]]


def reseeded(seed):
    torch.manual_seed(seed)


drawing("labels-instead-of-positions", mixed, what=lambda found, labels: labels[found])
drawing(
    "positions-inside-the-class",
    lambda places, count, generator: torch.randperm(len(places), generator=generator)[:count],
)
drawing(
    "images-drawn-twice",
    lambda places, count, generator: places[
        torch.randint(len(places), (count,), generator=generator)
    ],
)
drawing("always-the-first-ones", lambda places, count, generator: places[:count])
drawing("seed-decides-nothing", mixed, start=lambda seed: torch.Generator().manual_seed(0))
drawing("draw-not-repeatable", mixed, start=lambda seed: None)
drawing("global-randomness-moved", mixed, start=reseeded)
drawing(
    "not-equally-likely",
    lambda places, count, generator: places.roll(
        int(torch.randint(len(places), (1,), generator=generator))
    )[:count],
)


@wrong("09.2", "count-shared-among-the-classes")
def in_all(labels, count, seed):
    return torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))[:count]


@wrong("09.2", "classes-not-balanced")
def from_all(labels, count, seed):
    return in_all(labels, count * len(labels.unique()), seed)


def comparing(mistake, gap, error):
    """Collect a comparison; both are functions of two rows of scores."""
    wrong("09.3", mistake)(lambda first, second: (gap(first, second), error(first, second)))


def mean_gap(first, second):
    return (first - second).mean()


def right_error(first, second):
    return (first - second).std() / len(first) ** 0.5


comparing("sign-turned", lambda a, b: (b - a).mean(), right_error)
comparing("best-seeds-compared", lambda a, b: a.max() - b.max(), right_error)
comparing(
    "sizes-of-the-gaps",
    lambda a, b: (a - b).abs().mean(),
    lambda a, b: (a - b).abs().std() / len(a) ** 0.5,
)
comparing("difference-in-parts-of-the-second", lambda a, b: (a / b - 1).mean(), right_error)
comparing("error-of-one-method", mean_gap, lambda a, b: a.std() / len(a) ** 0.5)
comparing("pairs-torn-apart", mean_gap, lambda a, b: ((a.var() + b.var()) / len(a)) ** 0.5)
comparing("deviation-instead-of-error", mean_gap, lambda a, b: (a - b).std())
comparing("divided-by-the-number-itself", mean_gap, lambda a, b: (a - b).std() / len(a))
comparing("variance-instead-of-deviation", mean_gap, lambda a, b: (a - b).var() / len(a))
comparing("divided-by-all-seeds", mean_gap, lambda a, b: (a - b).std(correction=0) / len(a) ** 0.5)
comparing("error-times-a-number", mean_gap, lambda a, b: 1.96 * right_error(a, b))


def holding(mistake, choose, *, start=lambda seed: torch.Generator().manual_seed(seed), **change):
    """Collect a split; choose(names, number, generator) gives the pictures to hold out."""

    @wrong("09.4", mistake)
    def split(sources, share, seed):
        names = sources.unique()
        number = change.get("number", lambda share, n: round(share * n))(share, len(names))
        held = torch.isin(sources, choose(names, number, start(seed)))
        return change.get("give", positions)(held, sources)


def positions(held, sources):
    return (~held).nonzero()[:, 0], held.nonzero()[:, 0]


def names_of(held, sources):
    return sources[~held].unique(), sources[held].unique()


def first_views(held, sources):
    """One view of each picture."""
    first = torch.tensor([int((sources[:i] == s).sum()) == 0 for i, s in enumerate(sources)])
    return (first & ~held).nonzero()[:, 0], (first & held).nonzero()[:, 0]


holding("names-instead-of-positions", mixed, give=names_of)
holding("some-views-lost", mixed, give=first_views)
holding(
    "same-views-in-both",
    mixed,
    give=lambda held, sources: (torch.arange(len(held)), held.nonzero()[:, 0]),
)
holding("parts-exchanged", mixed, give=lambda held, sources: positions(held, sources)[::-1])
holding("not-shuffled", lambda names, number, generator: names[:number])
holding("wrong-number-held-out", mixed, number=lambda share, n: int(share * n) + 1)
holding("seed-decides-nothing", mixed, start=lambda seed: torch.Generator().manual_seed(0))
holding("draw-not-repeatable", mixed, start=lambda seed: None)
holding("global-randomness-moved", mixed, start=reseeded)


@wrong("09.4", "pictures-torn-apart")
def views_drawn(sources, share, seed):
    order = torch.randperm(len(sources), generator=torch.Generator().manual_seed(seed))
    number = round(share * len(sources))
    return order[number:], order[:number]


@wrong("09.4", "views-taken-for-neighbours")
def runs_drawn(sources, share, seed):
    begins = torch.cat([torch.tensor([True]), sources[1:] != sources[:-1]])
    runs = begins.cumsum(0) - 1  # wherever the name changes, another picture begins
    held = torch.isin(runs, mixed(runs.unique(), round(share * (int(runs.max()) + 1)), None))
    return positions(held, sources)
