"""A vision transformer, from tiny to the official sizes (Dosovitskiy et al., arXiv:2010.11929).

A picture is cut into patches. Each becomes a token; a class token joins them. Every block lets all
tokens look at each other, then changes each by itself:

    x = x + attention(norm(x))          attention(x) = softmax(q k^T / sqrt(D / heads)) v
    x = x + mlp(norm(x))

The parameters are those of MAE's, BEiT's and DINO's published networks (bias in q, k and v,
LayerNorm with epsilon 1e-6), so that their weights fit.

What we leave out: dropout and stochastic depth, which regularise networks deeper than ours.
"""

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from sslcourse.networks.patches import (
    check_divides,
    patchify,
    sincos_positions,
    take,
    visible_positions,
)
from sslcourse.networks.transformer import Block, ConvStem, RelativePositions, start_linear

POSITIONS = ("sincos", "learned", "none")
POOLS = ("mean", "class")
STEMS = ("patch", "conv")


class VisionTransformer(nn.Module):
    """Images (N, 3, H, W), normalised -> tokens (N, 1 + L, D), the class token first.

    Args:
        image_size: height and width in pixels that the positions are made for; other sizes work
            too, with positions in between (not with `relative`).
        patch_size: P, divides the image size.
        width: D, a multiple of `heads` (and of 4 with "sincos").
        depth: number of blocks.
        heads: of each block's attention.
        positions: "sincos" (fixed), "learned", or "none".
        relative: whether attention gets a bias for each offset of two patches.
        layer_scale: see `Block`.
        pool: what stands for the whole image: the "mean" of the patches' tokens, or the "class"
            token. See `pool_tokens`.
        stem: what makes tokens of pixels: one linear layer for each "patch", or small
            convolutions ("conv", see `ConvStem`), with which a transformer learns faster.

    Raises:
        ValueError: a size that does not fit, or an unknown choice.
    """

    def __init__(
        self,
        image_size: int = 32,
        patch_size: int = 4,
        width: int = 96,
        depth: int = 4,
        heads: int = 3,
        *,
        positions: str = "sincos",
        relative: bool = False,
        layer_scale: float | None = None,
        pool: str = "mean",
        stem: str = "patch",
    ) -> None:
        super().__init__()
        check_divides(image_size, image_size, patch_size)
        if min(width, depth, heads) < 1 or width % heads:
            raise ValueError(
                f"width, depth and heads must be at least 1 and heads divide the width, got "
                f"{width}, {depth} and {heads}."
            )
        choices = ("positions", positions, POSITIONS), ("pool", pool, POOLS), ("stem", stem, STEMS)
        for name, value, known in choices:
            if value not in known:
                raise ValueError(f"unknown {name} {value!r}; choose one of {', '.join(known)}.")
        self.patch_size, self.grid, self.width_out = patch_size, image_size // patch_size, width
        self.pool, self.stem = pool, stem
        if stem == "conv":
            self.embedding: nn.Module = ConvStem(patch_size, width)
        else:
            self.embedding = nn.Linear(3 * patch_size**2, width)
        self.class_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.blocks = nn.ModuleList(Block(width, heads, layer_scale) for _ in range(depth))
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.relative = RelativePositions(self.grid, self.grid, heads) if relative else None
        self.add_positions(positions, width)
        self.apply(start_linear)

    def add_positions(self, kind: str, width: int) -> None:
        """Make `self.positions` (1, 1 + L, D), the class token's first, or None."""
        places = torch.zeros(1, 1 + self.grid**2, width)
        if kind == "sincos":
            places[0, 1:] = sincos_positions(self.grid, self.grid, width)
            self.register_buffer("positions", places, persistent=False)
        elif kind == "learned":
            self.positions = nn.Parameter(0.02 * torch.randn_like(places))
        else:
            self.positions = None

    def forward(
        self, images: Tensor, mask: Tensor | None = None, *, visible: int | None = None
    ) -> Tensor:
        """Tokens after the last LayerNorm, (N, 1 + L, D), or (N, 1 + V, D) of the visible patches.

        Args:
            images: normalised (N, 3, H, W).
            mask: bool (N, L), True = hidden: such a patch takes no part at all. The same number
                in every image.
            visible: V, where the caller knows it; asking a GPU makes it wait.

        Raises:
            ValueError: images that P does not divide, or a mask that does not fit them.
        """
        tokens = self.with_places(self.embed(images), images)  # (N, L, D)
        if mask is not None:
            self.check_mask(mask, tokens)
            self.check_stem()
            if self.relative is not None:
                raise ValueError(
                    "relative positions need all patches; an encoder that sees the visible ones "
                    'only takes positions="sincos".'
                )
            tokens = take(tokens, visible_positions(mask, visible))  # (N, V, D)
        return self.encode(tokens)

    def embed(self, images: Tensor) -> Tensor:
        """Patches as tokens (N, L, D), without positions."""
        return self.embedding(images if self.stem == "conv" else patchify(images, self.patch_size))

    def encode(self, tokens: Tensor) -> Tensor:
        """Patch tokens (N, T, D) that know their positions -> (N, 1 + T, D) after all blocks."""
        x, bias = self.with_class_token(tokens), self.bias()
        for block in self.blocks:
            x = block(x, bias)
        return self.norm(x)

    def attention(self, images: Tensor) -> Tensor:
        """Where each token looks in the last block: (N, heads, 1 + L, 1 + L), rows sum to 1.

        The class token's row without its first entry is the attention map of the image.
        """
        tokens = self.with_places(self.embed(images), images)  # (N, L, D)
        x, bias = self.with_class_token(tokens), self.bias()
        for block in self.blocks[:-1]:
            x = block(x, bias)
        last = self.blocks[-1]
        return last.attention.weights(last.norm1(x), bias)

    def attention_of_blocks(self, images: Tensor) -> Iterator[Tensor]:
        """As `attention`, but of one block after the other, the first one first."""
        tokens = self.with_places(self.embed(images), images)  # (N, L, D)
        x, bias = self.with_class_token(tokens), self.bias()
        for block in self.blocks:
            yield block.attention.weights(block.norm1(x), bias)
            x = block(x, bias)

    def pool_tokens(self, tokens: Tensor) -> Tensor:
        """One vector for each image: (N, 1 + L, D) -> (N, D)."""
        return tokens[:, 0] if self.pool == "class" else tokens[:, 1:].mean(dim=1)

    def with_class_token(self, tokens: Tensor) -> Tensor:
        first = self.class_token
        if self.positions is not None:
            first = first + self.positions[:, :1]
        first = first.to(tokens.dtype).expand(len(tokens), -1, -1)
        return torch.cat([first, tokens], dim=1)  # (N, 1 + T, D)

    def bias(self) -> Tensor | None:
        return None if self.relative is None else self.relative()

    def with_places(self, tokens: Tensor, images: Tensor) -> Tensor:
        """Tell the patches' tokens (N, L, D) where in the images they stand."""
        places = self.places(*(side // self.patch_size for side in images.shape[2:]))
        return tokens if places is None else tokens + places[:, 1:].to(tokens.dtype)

    def places(self, rows: int, columns: int) -> Tensor | None:
        """Positions (1, 1 + L, D) for a grid; one of another size gets those in between."""
        if (rows, columns) == (self.grid, self.grid):
            return self.positions
        if self.relative is not None:
            raise ValueError(
                f"relative positions are made for {self.grid}x{self.grid} patches, the images have "
                f"{rows}x{columns}; use images of {self.grid * self.patch_size} pixels."
            )
        if self.positions is None:
            return None
        first, rest = self.positions[:, :1], self.positions[:, 1:]
        plane = rearrange(rest, "one (r c) d -> one d r c", r=self.grid)
        # as timm does it, so that official weights give the same tokens at other sizes
        plane = F.interpolate(plane, (rows, columns), mode="bicubic", antialias=True)
        return torch.cat([first, rearrange(plane, "one d r c -> one (r c) d")], dim=1)

    def check_stem(self) -> None:
        """Refuse to hide patches that others have already seen."""
        if self.stem == "conv":
            raise ValueError(
                "with a convolutional stem a patch's token knows the pixels of its neighbours, so "
                'hiding patches would hide little; use VisionTransformer(stem="patch").'
            )

    def check_mask(self, mask: Tensor, tokens: Tensor) -> None:
        if mask.shape != tokens.shape[:2]:
            raise ValueError(
                f"the mask has shape {tuple(mask.shape)}, but there are {tokens.shape[1]} patches "
                f"in each of {len(tokens)} images."
            )


def represent(encoder: nn.Module, images: Tensor) -> Tensor:
    """Features (N, D) of an encoder; a transformer's `pool_tokens` makes them of its tokens."""
    features = encoder(images)
    return encoder.pool_tokens(features) if features.ndim == 3 else features
