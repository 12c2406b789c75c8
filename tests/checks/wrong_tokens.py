"""Wrong implementations of what MAE's encoder and decoder and BEiT's encoder get."""

import torch
from collected import wrong


def pick(x, mask):
    return x[~mask].view(len(x), -1, x.shape[2])


@wrong("06.6", "attention-across-the-batch")
def tokens_first(blocks, tokens, positions, mask):
    return blocks(pick(tokens + positions, mask).transpose(0, 1)).transpose(0, 1)


@wrong("06.6", "hidden-patches-are-encoded-too")
def all_encoded(blocks, tokens, positions, mask):
    return pick(blocks(tokens + positions), mask)


wrong("06.6", "images-encoded-together")(
    lambda blocks, tokens, positions, mask: blocks((tokens + positions)[~mask][None]).view(
        len(mask), -1, tokens.shape[2]
    )
)
wrong("06.6", "blocks-never-called")(
    lambda blocks, tokens, positions, mask: pick(tokens + positions, mask)
)
wrong("06.6", "mask-inverted")(
    lambda blocks, tokens, positions, mask: blocks(pick(tokens + positions, ~mask))
)
wrong("06.6", "positions-forgotten")(
    lambda blocks, tokens, positions, mask: blocks(pick(tokens, mask))
)


@wrong("06.6", "positions-after-removal")
def renumbered(blocks, tokens, positions, mask):
    visible = pick(tokens, mask)
    return blocks(visible + positions[: visible.shape[1]])


def placed(visible, mask, mask_token):
    tokens = mask_token.repeat(*mask.shape, 1)
    tokens[~mask] = visible.flatten(0, 1)
    return tokens


wrong("06.7", "decoder-never-called")(
    lambda decoder, visible, mask, mask_token, positions: placed(visible, mask, mask_token)
)
wrong("06.7", "mask-tokens-without-positions")(
    lambda decoder, visible, mask, mask_token, positions: decoder(placed(visible, mask, mask_token))
)


@wrong("06.7", "visible-tokens-without-positions")
def only_the_hidden_know(decoder, visible, mask, mask_token, positions):
    tokens = (mask_token + positions).repeat(len(mask), 1, 1)
    tokens[~mask] = visible.flatten(0, 1)
    return decoder(tokens)


@wrong("06.7", "positions-added-twice")
def once_more_for_all(decoder, visible, mask, mask_token, positions):
    known = positions.expand(len(mask), -1, -1)[~mask].view_as(visible)
    return decoder(placed(visible + known, mask, mask_token) + positions)


@wrong("06.7", "mask-tokens-at-the-end")
def not_unshuffled(decoder, visible, mask, mask_token, positions):
    n, length = mask.shape
    missing = mask_token.expand(n, length - visible.shape[1], -1)
    return decoder(torch.cat([visible, missing], dim=1) + positions)


wrong("06.7", "places-exchanged")(
    lambda decoder, visible, mask, mask_token, positions: decoder(
        placed(visible, ~mask, mask_token) + positions
    )
)
wrong("07.6", "hidden-patches-left-out")(lambda patches, mask, mask_token: pick(patches, mask))
wrong("07.6", "mask-inverted")(
    lambda patches, mask, mask_token: torch.where(mask[:, :, None], patches, mask_token)
)
wrong("07.6", "hidden-patches-still-there")(
    lambda patches, mask, mask_token: patches + mask[:, :, None] * mask_token
)
wrong("07.6", "mask-token-forgotten")(lambda patches, mask, mask_token: patches * ~mask[:, :, None])
