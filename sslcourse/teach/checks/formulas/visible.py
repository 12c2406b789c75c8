"""06.6: what MAE's encoder gets."""

from collections.abc import Callable

import torch
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way


def picked(x: Tensor, mask: Tensor) -> Tensor:
    """The tokens (N, V, D) of x (N, L, D) where the mask (N, L) is False."""
    return torch.stack([image[~hidden] for image, hidden in zip(x, mask)])


def encode_visible(
    way: Way, blocks: Callable, tokens: Tensor, positions: Tensor, mask: Tensor
) -> Tensor:
    kind, where = way("tokens"), mask
    where = {
        "hidden-ones": lambda: ~mask,
        "first-mask-for-all": lambda: mask[:1].expand_as(mask),
    }.get(kind, lambda: where)()
    visible = picked(tokens, where)  # (N, V, D)
    own = picked(positions.expand_as(tokens), where)
    shown = positions_used(way, own, positions, where)
    if way("order") == "right-to-left":
        visible, shown = visible.flip(1), shown.flip(1)
    if way("order") == "images-mixed":
        visible = visible.transpose(0, 1).reshape(visible.shape)
    kind = way("blocks")
    if kind == "all-are-encoded":
        return picked(blocks(tokens + positions), where)
    if kind == "each-token-alone":
        parts = [blocks(x[:, None]) for x in placed(way, visible, shown).unbind(1)]
        return torch.cat(parts, dim=1)
    if kind == "all-images-as-one":
        return blocks(placed(way, visible, shown).flatten(0, 1)[None]).view_as(visible)
    if kind == "axes-exchanged":
        return blocks(placed(way, visible, shown).transpose(0, 1)).transpose(0, 1)
    if kind == "blocks-left-out":
        return placed(way, visible, shown)
    if way("positions") == "after-the-blocks":
        return blocks(visible) + shown
    encoded = blocks(placed(way, visible, shown))
    return blocks(encoded) if kind == "blocks-twice" else encoded


def placed(way: Way, x: Tensor, positions: Tensor) -> Tensor:
    """Tokens at their positions, or what is done to them instead."""
    done = {
        "positions-left-out": x,
        "positions-twice": x + 2 * positions,
        "positions-multiplied": x * positions,
        "positions-subtracted": x - positions,
        "only-positions": positions,
    }
    return done.get(way("positions"), x + positions)


def positions_used(way: Way, own: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
    """Positions (N, V, D) for the visible tokens."""
    count, kind = own.shape[1], way("places")
    used = {
        "first-positions": lambda: positions[:count].expand_as(own),
        "last-positions": lambda: positions[-count:].expand_as(own),
        "places-of-the-first-image": lambda: own[:1].expand_as(own),
    }
    if kind == "positions-of-the-hidden":
        return picked(positions.expand(len(mask), -1, -1), ~mask)[:, :count]
    return used.get(kind, lambda: own)()


POSITIONS = {
    "positions-left-out": "the positions are left out",
    "positions-twice": "the positions are added twice",
    "positions-multiplied": "the positions multiply",
    "positions-subtracted": "the positions are subtracted",
    "only-positions": "the positions alone are used",
    "after-the-blocks": "the positions are added afterwards, to what comes out",
}


FORMULAS = {
    "06.6": Formula(
        encode_visible,
        {
            "positions": POSITIONS,
            "places": {
                "first-positions": "the visible tokens get the first positions",
                "last-positions": "the visible tokens get the last positions",
                "places-of-the-first-image": "all images get the positions of the first one",
                "positions-of-the-hidden": "the visible tokens get the hidden ones' positions",
            },
            "tokens": {
                "hidden-ones": "the hidden tokens are encoded, not the visible ones",
                "first-mask-for-all": "the first image's mask is used for all",
            },
            "order": {
                "right-to-left": "the tokens go in from right to left",
                "images-mixed": "tokens of different images are mixed by a reshape",
            },
            "blocks": {
                "all-are-encoded": "all tokens are encoded and the visible ones picked afterwards",
                "each-token-alone": "each token is encoded alone",
                "all-images-as-one": "all images are encoded as one long one",
                "axes-exchanged": "the blocks get (T, N, D)",
                "blocks-twice": "the blocks are called twice",
                "blocks-left-out": "the blocks are never called",
            },
        },
    ),
}
