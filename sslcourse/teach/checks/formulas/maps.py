"""11.2, 11.3 and 11.5: maps of attention, what they keep and what they point at."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way


def class_attention(way: Way, weights: Tensor, columns: int) -> Tensor:
    looks = {
        "looked-at": lambda: weights[:, :, 1:, 0],
        "a-patch-looks": lambda: weights[:, :, 1, 1:],
        "the-last-patch-looks": lambda: weights[:, :, -1, 1:],
        "all-look": lambda: weights[:, :, :, 1:].mean(dim=2),
        "all-patches-look": lambda: weights[:, :, 1:, 1:].mean(dim=2),
        "patches-at-themselves": lambda: weights.diagonal(dim1=2, dim2=3)[:, :, 1:],
        "class-token-in-the-map": lambda: weights[:, :, 0, :-1],
    }
    flat = looks.get(way("row"), lambda: weights[:, :, 0, 1:])()  # (N, heads, L)
    maps = flat.unflatten(2, (-1, columns))
    if way("places") == "column-by-column":
        maps = flat.unflatten(2, (columns, -1)).mT
    places = {
        "upside-down": lambda: maps.flip(2),
        "mirrored": lambda: maps.flip(3),
        "turned-half-round": lambda: maps.flip(2, 3),
    }
    maps = places.get(way("places"), lambda: maps)()
    ends = {
        "sums-to-1": lambda: maps / maps.sum(dim=(2, 3), keepdim=True),
        "largest-is-1": lambda: maps / maps.amax(dim=(2, 3), keepdim=True),
        "from-0-to-1": lambda: (
            (maps - maps.amin(dim=(2, 3), keepdim=True))
            / (maps.amax(dim=(2, 3), keepdim=True) - maps.amin(dim=(2, 3), keepdim=True))
        ),
        "softmax": lambda: maps.flatten(2).softmax(dim=2).view_as(maps),
        "heads-averaged": lambda: maps.mean(dim=1, keepdim=True).expand_as(maps),
        "first-image-for-all": lambda: maps[:1].expand_as(maps),
    }
    return ends.get(way("last-step"), lambda: maps)()


def threshold_mass(way: Way, maps: Tensor, share: float) -> Tensor:
    groups = {
        "each-row-alone": lambda x: x.flatten(0, 1),
        "each-column-alone": lambda x: x.mT.flatten(0, 1),
        "all-maps-together": lambda x: x.flatten()[None],
    }
    x = groups.get(way("groups"), lambda x: x.flatten(1))(maps)  # (groups, members)
    kind, members = way("share"), x.shape[1]
    share = {"rest-for-share": 1 - share, "root": share**0.5}.get(kind, share)
    ordered = x.sort(dim=1, descending=way("order") != "weakest-first").values
    mass = ordered.cumsum(dim=1)
    if kind != "not-divided":
        mass = mass / x.sum(dim=1, keepdim=True)
    count = (mass < share - 1e-6).sum(dim=1) + 1
    counts = {
        "one-too-few": lambda: count - 1,
        "one-too-many": lambda: count + 1,
        "share-of-the-patches": lambda: torch.full_like(count, round(share * members)),
        "share-of-the-patches-at-least": lambda: torch.full_like(
            count, -int(-share * members // 1)
        ),
    }
    count = counts.get(way("count"), lambda: count)().clamp(0, members)
    rank = x.argsort(dim=1, descending=way("order") != "weakest-first", stable=True)
    rank = rank.argsort(dim=1, stable=True)
    kept = {
        "share-of-the-largest": lambda: x >= share * x.amax(dim=1, keepdim=True),
        "above-the-share-itself": lambda: x >= share,
        "above-the-mean": lambda: x > x.mean(dim=1, keepdim=True),
        "share-of-the-mean": lambda: x > share * x.mean(dim=1, keepdim=True),
        "quantile": lambda: x >= x.quantile(1 - share, dim=1, keepdim=True),
        "upper-quantile": lambda: x >= x.quantile(share, dim=1, keepdim=True),
    }.get(way("limit"), lambda: rank < count[:, None])()
    if way("last-step") == "turned-over":
        kept = ~kept
    back = kept.view(maps.mT.shape).mT if way("groups") == "each-column-alone" else kept
    return back.reshape(maps.shape)


def pointing_accuracy(way: Way, maps: Tensor, masks: Tensor) -> Tensor:
    n, rows, columns = maps.shape
    flat, spots = maps.flatten(1), masks.flatten(1)
    places = flat.argmin(dim=1) if way("point") == "weakest-point" else flat.argmax(dim=1)
    inside, outside = maps * masks, maps * ~masks
    grown = F.max_pool2d(masks[:, None].float(), 3, 1, 1)[:, 0].flatten(1) > 0
    in_rows = masks.gather(2, maps.argmax(dim=2, keepdim=True)).squeeze(2).float()  # (N, H)
    hits = {
        "one-pixel-beside-counts": lambda: grown.gather(1, places[:, None]).squeeze(1),
        "each-row-points": lambda: in_rows.mean(dim=1),
        "any-row-points": lambda: in_rows.amax(dim=1),
        "any-mass-inside": lambda: inside.flatten(1).amax(dim=1) > 0,
        "more-mass-inside": lambda: inside.sum(dim=(1, 2)) > outside.sum(dim=(1, 2)),
        "higher-mean-inside": lambda: (
            inside.sum(dim=(1, 2)) / masks.sum(dim=(1, 2))
            > outside.sum(dim=(1, 2)) / (~masks).sum(dim=(1, 2))
        ),
        "share-of-the-mass-inside": lambda: inside.sum(dim=(1, 2)) / maps.sum(dim=(1, 2)),
        "rows-and-columns-exchanged": lambda: spots.gather(
            1, (places % rows * columns + places // rows).clamp(max=spots.shape[1] - 1)[:, None]
        ).squeeze(1),
        "first-mask-for-all": lambda: spots[0, places],
        "one-point-for-all": lambda: spots[:, flat.mean(dim=0).argmax()],
        "object-covers-the-middle": lambda: masks[:, rows // 2, columns // 2],
    }.get(way("point"), lambda: spots.gather(1, places[:, None]).squeeze(1))()
    hits = hits.float()
    ends = {
        "percent": lambda: 100 * hits.mean(),
        "number": lambda: hits.sum(),
        "misses": lambda: 1 - hits.mean(),
        "divided-by-pixels": lambda: hits.sum() / flat.numel(),
        "first-image-only": lambda: hits[0],
        "all-or-nothing": lambda: (hits.mean() == 1).float(),
    }
    return ends.get(way("last-step"), lambda: hits.mean())()


FORMULAS = {
    "11.2": Formula(
        class_attention,
        {
            "row": {
                "looked-at": "the map says which patches look at the class token",
                "a-patch-looks": "the first patch looks, not the class token",
                "the-last-patch-looks": "the last patch looks, not the class token",
                "all-look": "the mean over all tokens is taken",
                "all-patches-look": "the mean over all patches is taken",
                "patches-at-themselves": "each patch's look at itself is taken",
                "class-token-in-the-map": "the class token's look at itself stands first",
            },
            "places": {
                "column-by-column": "the map is filled column by column",
                "upside-down": "the map stands upside down",
                "mirrored": "the map is mirrored",
                "turned-half-round": "the map is turned half round",
            },
            "last-step": {
                "sums-to-1": "each map is divided by its sum",
                "largest-is-1": "each map is divided by its largest value",
                "from-0-to-1": "each map is brought to 0 to 1",
                "softmax": "a softmax is taken of each map",
                "heads-averaged": "the heads are averaged",
                "first-image-for-all": "all images get the first one's maps",
            },
        },
    ),
    "11.3": Formula(
        threshold_mass,
        {
            "groups": {
                "each-row-alone": "each row of the map keeps its own share",
                "each-column-alone": "each column of the map keeps its own share",
                "all-maps-together": "all maps together keep one share",
            },
            "share": {
                "rest-for-share": "1 - share is kept",
                "root": "the root of the share is kept",
                "not-divided": "the mass is not divided by the map's sum",
            },
            "order": {"weakest-first": "the weakest patches come first"},
            "count": {
                "one-too-few": "one patch too few is kept",
                "one-too-many": "one patch too many is kept",
                "share-of-the-patches": "a share of the patches is kept, not of the mass",
                "share-of-the-patches-at-least": "a share of the patches is kept, rounded up",
            },
            "limit": {
                "share-of-the-largest": "patches above a share of the largest value are kept",
                "above-the-share-itself": "patches above the share itself are kept",
                "above-the-mean": "patches above the mean are kept",
                "share-of-the-mean": "patches above a share of the mean are kept",
                "quantile": "a quantile of the values is the limit",
                "upper-quantile": "the quantile of the share is the limit",
            },
            "last-step": {"turned-over": "those are marked that should not be kept"},
        },
    ),
    "11.5": Formula(
        pointing_accuracy,
        {
            "point": {
                "weakest-point": "the weakest point is looked up",
                "one-pixel-beside-counts": "a point beside the object counts, too",
                "each-row-points": "each row's strongest point is looked up, and they are averaged",
                "any-row-points": "one row's strongest point on the object is enough",
                "any-mass-inside": "any mass on the object is enough",
                "more-mass-inside": "more mass inside than outside is enough",
                "higher-mean-inside": "a higher mean inside than outside is enough",
                "share-of-the-mass-inside": "the share of the mass inside is averaged",
                "rows-and-columns-exchanged": "the flat place becomes a wrong row and column",
                "first-mask-for-all": "the first image's object is looked up for all",
                "one-point-for-all": "the mean map's strongest point is looked up for all",
                "object-covers-the-middle": "the middle of the picture is looked up",
            },
            "last-step": {
                "percent": "percent are returned",
                "number": "the hits are counted, and not divided",
                "misses": "the share of misses is returned",
                "divided-by-pixels": "the hits are divided by the number of pixels",
                "first-image-only": "only the first image counts",
                "all-or-nothing": "only a hit in all images counts",
            },
        },
    ),
}
