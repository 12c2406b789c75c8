"""06.7 and 07.6: mask tokens in the places of hidden patches."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way
from sslcourse.teach.checks.formulas.visible import POSITIONS, picked, placed


def decode(
    way: Way,
    decoder: Callable,
    visible: Tensor,
    mask: Tensor,
    mask_token: Tensor,
    positions: Tensor,
) -> Tensor:
    tokens = filled(way, visible, mask, mask_token)  # (N, L, D)
    places = positions.expand_as(tokens)
    kind = way("places")
    if kind == "positions-of-the-visible-only":
        places = places * ~mask[:, :, None]
    if kind == "positions-of-the-hidden-only":
        places = places * mask[:, :, None]
    if kind in ("visible-get-the-first-positions", "hidden-get-the-first-positions"):
        where = mask if kind.startswith("hidden") else ~mask
        rank = (where.cumsum(dim=1) - 1).clamp(min=0)
        places = torch.where(where[:, :, None], positions[rank], places)
    if kind == "visible-first":
        order = mask.int().argsort(dim=1, stable=True)
        places = torch.zeros_like(places).scatter(
            1, order[:, :, None].expand_as(places), positions.expand_as(places)
        )
    if kind == "positions-turned-around":
        places = places.flip(1)
    kind = way("decoder")
    if kind == "hidden-ones-only":
        return decoder(picked(placed(way, tokens, places), ~mask))
    if kind == "visible-ones-only":
        return decoder(visible + picked(places, mask))
    if kind == "decoder-left-out":
        return placed(way, tokens, places)
    if kind == "all-images-as-one":
        return decoder(placed(way, tokens, places).flatten(0, 1)[None]).view_as(tokens)
    if kind == "axes-exchanged":
        return decoder(placed(way, tokens, places).transpose(0, 1)).transpose(0, 1)
    if way("positions") == "after-the-blocks":
        return decoder(tokens) + places
    decoded = decoder(placed(way, tokens, places))
    return decoder(decoded) if kind == "decoder-twice" else decoded


def filled(way: Way, visible: Tensor, mask: Tensor, mask_token: Tensor) -> Tensor:
    """Tokens (N, L, D): the visible ones at their places, the mask token at the others."""
    kind = way("filling")
    token = {
        "zeros-for-the-mask-token": lambda: torch.zeros_like(mask_token),
        "mean-of-the-visible-for-the-mask-token": lambda: visible.mean(dim=(0, 1)),
        "mean-of-the-mask-token": lambda: mask_token.mean().expand_as(mask_token),
    }.get(kind, lambda: mask_token)()
    tokens = token.expand(*mask.shape, -1).clone()
    where = {"first-mask-for-all": lambda: mask[:1].expand_as(mask)}.get(kind, lambda: mask)()
    source = visible.transpose(0, 1).reshape(visible.shape) if kind == "images-mixed" else visible
    source = source.flip(1) if kind == "visible-turned-around" else source
    if kind == "visible-first":
        hidden = tokens[:, visible.shape[1] :]
        return torch.cat([visible, hidden], dim=1)
    if kind == "hidden-first":
        return torch.cat([tokens[:, visible.shape[1] :], visible], dim=1)
    if kind == "shuffled-once-more":
        order = mask.int().argsort(dim=1, stable=True)
        both = torch.cat([visible, tokens[:, visible.shape[1] :]], dim=1)
        return both.gather(1, order[:, :, None].expand_as(both))
    tokens[~where] = source.flatten(0, 1)
    if kind == "mask-token-added-everywhere":
        tokens[~where] += token
    if kind == "visible-left-out":
        tokens = token.expand(*mask.shape, -1)
    return tokens


def hide_patches(way: Way, patches: Tensor, mask: Tensor, mask_token: Tensor) -> Tensor:
    kind, where = way("filling"), mask[:, :, None]
    if kind == "first-mask-for-all":
        where = where[:1]
    token = {
        "zeros-for-the-mask-token": lambda: torch.zeros_like(mask_token),
        "mean-of-the-mask-token": lambda: mask_token.mean().expand_as(mask_token),
        "mean-of-the-patches-for-the-mask-token": lambda: patches.mean(dim=(0, 1)),
    }.get(kind, lambda: mask_token)()
    ends = {
        "visible-ones-replaced": lambda: torch.where(where, patches, token),
        "mask-token-added": lambda: patches + where * token,
        "mask-token-added-everywhere": lambda: patches + token,
        "hidden-ones-left-out": lambda: patches * ~where + torch.zeros_like(token),
        "all-replaced": lambda: token.expand_as(patches),
    }
    return ends.get(kind, lambda: torch.where(where, token, patches))()


FORMULAS = {
    "06.7": Formula(
        decode,
        {
            "positions": POSITIONS,
            "places": {
                "positions-of-the-visible-only": "only visible places get positions",
                "positions-of-the-hidden-only": "only hidden places get positions",
                "visible-get-the-first-positions": "the visible tokens get the first positions",
                "hidden-get-the-first-positions": "the hidden places get the first positions",
                "visible-first": "the positions are added while the visible tokens stand first",
                "positions-turned-around": "the positions stand in the opposite order",
            },
            "filling": {
                "zeros-for-the-mask-token": "zeros stand for the mask token",
                "mean-of-the-visible-for-the-mask-token": "the visible tokens' mean stands for "
                "the mask token",
                "mean-of-the-mask-token": "the mean of the mask token stands for it",
                "first-mask-for-all": "the first image's mask is used for all",
                "images-mixed": "tokens of different images are mixed by a reshape",
                "visible-turned-around": "the visible tokens stand in the opposite order",
                "visible-first": "the visible tokens stand first, the mask tokens after them",
                "hidden-first": "the mask tokens stand first, the visible ones after them",
                "shuffled-once-more": "the order is applied once more, not undone",
                "mask-token-added-everywhere": "the mask token is added to the visible ones, too",
                "visible-left-out": "the visible tokens are left out",
            },
            "decoder": {
                "hidden-ones-only": "the decoder gets the mask tokens only",
                "visible-ones-only": "the decoder gets the visible tokens only",
                "decoder-left-out": "the decoder is never called",
                "all-images-as-one": "all images are decoded as one long one",
                "axes-exchanged": "the decoder gets (L, N, D)",
                "decoder-twice": "the decoder is called twice",
            },
        },
    ),
    "07.6": Formula(
        hide_patches,
        {
            "filling": {
                "zeros-for-the-mask-token": "zeros stand for the mask token",
                "mean-of-the-mask-token": "the mean of the mask token stands for it",
                "mean-of-the-patches-for-the-mask-token": "the patches' mean stands for the mask "
                "token",
                "first-mask-for-all": "the first image's mask is used for all",
                "visible-ones-replaced": "the visible patches are replaced, not the hidden ones",
                "mask-token-added": "the mask token is added to the hidden patches",
                "mask-token-added-everywhere": "the mask token is added to all patches",
                "hidden-ones-left-out": "the hidden patches are set to 0",
                "all-replaced": "all patches are replaced",
            },
        },
    ),
}
