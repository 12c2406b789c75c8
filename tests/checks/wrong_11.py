"""Wrong implementations of lesson 11."""

import torch
from collected import wrong


def attending(mistake, *, scale=lambda q: q.shape[3] ** 0.5, dim=3, keys=False):
    @wrong("11.1", mistake)
    def weights(q, k):
        q, k = (k, q) if keys else (q, k)
        return torch.softmax(torch.einsum("nhid,nhjd->nhij", q, k) / scale(q), dim=dim)


attending("keys-look-at-queries", keys=True)
attending("softmax-over-the-queries", dim=2)
attending("attention-across-the-batch", dim=0)
attending("scores-not-scaled", scale=lambda q: 1)
attending("scaled-by-another-number", scale=lambda q: q.shape[3])
wrong("11.1", "softmax-forgotten")(lambda q, k: q @ k.mT / 2)
wrong("11.1", "rows-do-not-sum-to-one")(
    lambda q, k: torch.softmax((q @ k.mT / 2).flatten(2), 2).view(*q.shape[:3], -1)
)
wrong("11.1", "heads-averaged")(lambda q, k: torch.softmax(q @ k.mT / 2, 3).mean(1))

wrong("11.2", "column-instead-of-row")(
    lambda weights, columns: weights[:, :, 1:, 0].unflatten(2, (-1, columns))
)
wrong("11.2", "class-token-in-the-map")(
    lambda weights, columns: weights[:, :, 0, :-1].unflatten(2, (-1, columns))
)
wrong("11.2", "another-token-looks")(
    lambda weights, columns: weights[:, :, -1, 1:].unflatten(2, (-1, columns))
)
wrong("11.2", "rows-and-columns-exchanged")(
    lambda weights, columns: weights[:, :, 0, 1:].unflatten(2, (columns, -1))
)


def keep(maps, share, *, descending=True, count=None, back=True):
    """Patches from strong to weak (or the other way) until their sum reaches the share."""
    mass = maps.flatten(1)
    mass = mass / mass.sum(dim=1, keepdim=True)
    values, order = mass.sort(dim=1, descending=descending)
    before = values.cumsum(dim=1) - values
    kept = before < share if count is None else count(before, values, share)
    if not back:
        return kept.view(maps.shape)
    return torch.zeros_like(kept).scatter(1, order, kept).view(maps.shape)


wrong("11.3", "weakest-patches-kept")(lambda maps, share: keep(maps, share, descending=False))
wrong("11.3", "share-of-the-wrong-part")(lambda maps, share: keep(maps, 1 - share))
wrong("11.3", "places-not-put-back")(lambda maps, share: keep(maps, share, back=False))
wrong("11.3", "one-threshold-for-all-maps")(
    lambda maps, share: keep(maps.reshape(1, 1, -1), share).view(maps.shape)
)
wrong("11.3", "last-patch-missing")(
    lambda maps, share: keep(maps, share, count=lambda before, v, s: before + v < s)
)
wrong("11.3", "one-patch-too-many")(
    lambda maps, share: keep(
        maps, share, count=lambda before, v, s: (before < s).roll(1, 1) | (before == 0)
    )
)


@wrong("11.3", "mass-not-normalised")
def raw_mass(maps, share):
    values, order = maps.flatten(1).sort(dim=1)
    kept = values.cumsum(dim=1) > 1 - share
    return torch.zeros_like(kept).scatter(1, order, kept).view(maps.shape)


@wrong("11.3", "share-of-the-patches")
def quantile(maps, share):
    flat = maps.flatten(1)
    strongest = flat.topk(round(share * flat.shape[1]), dim=1).indices
    return torch.zeros_like(flat, dtype=torch.bool).scatter(1, strongest, True).view(maps.shape)


@wrong("11.3", "share-ignored")
def above_the_mean(maps, share):
    return maps > maps.mean(dim=(1, 2), keepdim=True)


@wrong("11.3", "share-of-the-maximum")
def of_the_peak(maps, share):
    return maps >= share * maps.amax(dim=(1, 2), keepdim=True)


def counts(maps, masks):
    return ((maps & masks).sum((1, 2)), maps.sum((1, 2)), masks.sum((1, 2)))


def overlapping(mistake, score):
    wrong("11.4", mistake)(lambda maps, masks: score(*counts(maps, masks)))


overlapping("dice-instead-of-jaccard", lambda both, a, b: 2 * both / (a + b))
overlapping("common-part-counted-twice", lambda both, a, b: both / (a + b))
overlapping("one-of-two-errors-ignored", lambda both, a, b: both / b)
overlapping("scores-averaged-already", lambda both, a, b: (both / (a + b - both)).mean())
wrong("11.4", "background-counted")(lambda maps, masks: (maps == masks).float().mean((1, 2)))
wrong("11.4", "pixels-of-all-images-together")(
    lambda maps, masks: (maps & masks).sum() / (maps | masks).sum()
)


def hit(maps, masks):
    place = maps.flatten(1).argmax(dim=1, keepdim=True)
    return masks.flatten(1).gather(1, place).float()


wrong("11.5", "weakest-point")(lambda maps, masks: hit(-maps, masks).mean())
wrong("11.5", "misses-counted")(lambda maps, masks: 1 - hit(maps, masks).mean())
wrong("11.5", "no-share")(lambda maps, masks: hit(maps, masks).sum())


@wrong("11.5", "mass-instead-of-point")
def mass_inside(maps, masks):
    return ((maps * masks).sum((1, 2)) / maps.sum((1, 2))).mean()


@wrong("11.5", "one-point-for-the-whole-batch")
def one_point(maps, masks):
    place = maps.argmax() % maps[0].numel()
    return masks.flatten(1)[:, place].float().mean()


@wrong("11.5", "rows-and-columns-exchanged")
def turned(maps, masks):
    hits = []
    for score, mask in zip(maps, masks):
        place = int(score.argmax())
        row, column = place % score.shape[1], place // score.shape[1]
        hits.append(float(mask[row % mask.shape[0], column % mask.shape[1]]))
    return sum(hits) / len(hits)
