"""What a transformer is built from: attention, the block around it, positions between tokens.

(Vaswani et al. 2017, arXiv:1706.03762, with the norms before each part as in Dosovitskiy et al.
2020, arXiv:2010.11929.)
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from sslcourse.networks.patches import check_images


class Attention(nn.Module):
    """Every token gathers from all tokens what is relevant to it: (N, T, D) -> (N, T, D)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def split(self, x: Tensor) -> Tensor:
        """Queries, keys and values of each head: (N, T, D) -> (3, N, heads, T, D / heads)."""
        return rearrange(self.qkv(x), "n t (three h d) -> three n h t d", three=3, h=self.heads)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """What every token gathers; `bias` (heads, T, T) joins the scores."""
        q, k, v = self.split(x)
        if bias is not None:
            bias = bias.to(q.dtype)[None]
        if x.device.type == "cpu":
            # the fused function's gradient takes several times as long as these lines on a CPU
            # (tests/benchmarks/masked.py prints how many)
            scores = q @ k.transpose(2, 3) * q.shape[3] ** -0.5  # (N, heads, T, T)
            gathered = torch.softmax(scores if bias is None else scores + bias, dim=3) @ v
        else:
            gathered = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.proj(rearrange(gathered, "n h t d -> n t (h d)"))

    def weights(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Where tokens look, in float32: (N, heads, T, T); row i is token i's, and sums to 1."""
        q, k, _ = self.split(x)
        scores = q.float() @ k.float().transpose(2, 3) * q.shape[3] ** -0.5  # (N, heads, T, T)
        return torch.softmax(scores if bias is None else scores + bias, dim=3)


class Block(nn.Module):
    """Attention, then a small network for each token; both are added to what was there.

    Args:
        width: D.
        heads: of the attention.
        layer_scale: start value of a factor on each added channel (Touvron et al. 2021,
            arXiv:2103.17239); None leaves it out.
    """

    def __init__(self, width: int, heads: int, layer_scale: float | None = None) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )
        for name in ("scale1", "scale2"):
            start = None if layer_scale is None else nn.Parameter(torch.full((width,), layer_scale))
            self.register_parameter(name, start)

    def forward(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        attended = self.attention(self.norm1(x), bias)
        x = x + (attended if self.scale1 is None else self.scale1 * attended)
        changed = self.mlp(self.norm2(x))
        return x + (changed if self.scale2 is None else self.scale2 * changed)


class ConvStem(nn.Module):
    """Images (N, 3, H, W) -> tokens (N, L, D), one for each patch, by small convolutions.

    (Xiao et al. 2021, arXiv:2106.14881.) 3x3 convolutions halve the sides until a patch is one
    pixel and the last, 1x1, brings it to D channels. A token also sees a few pixels around its
    patch. Where they have BatchNorm this has a norm of each image by itself, so that the images of
    a batch, and a teacher and its student, share no statistics.

    Args:
        patch_size: P, a power of two, at least 2.
        width: D.

    Raises:
        ValueError: another P.
    """

    def __init__(self, patch_size: int, width: int) -> None:
        super().__init__()
        halvings = patch_size.bit_length() - 1
        if patch_size < 2 or patch_size != 2**halvings:
            raise ValueError(
                "a convolutional stem halves the image until a patch is one pixel, so the patch "
                f"size must be 2, 4, 8 or another power of two; got {patch_size}."
            )
        self.patch_size = patch_size
        # half as many channels where there are four times as many pixels, but not too few
        widths = [3] + [max(8, width >> halvings - 1 - number) for number in range(halvings)]
        layers = []
        for before, after in zip(widths, widths[1:]):
            convolution = nn.Conv2d(before, after, 3, stride=2, padding=1, bias=False)
            layers += [convolution, nn.GroupNorm(1, after), nn.ReLU(inplace=True)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], width, 1))

    def forward(self, images: Tensor) -> Tensor:
        check_images(images, self.patch_size)
        return rearrange(self.layers(images), "n d rows columns -> n (rows columns) d")


class RelativePositions(nn.Module):
    """A learned number for each head and each offset between two patches, added to the scores.

    (BEiT's code, after Raffel et al. 2019, arXiv:1910.10683.) Three more stand for pairs with the
    class token: from it, to it, and with itself.
    """

    def __init__(self, rows: int, columns: int, heads: int) -> None:
        super().__init__()
        offsets = (2 * rows - 1) * (2 * columns - 1)
        self.table = nn.Parameter(torch.zeros(offsets + 3, heads))
        row, column = (
            place.flatten()
            for place in torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
        )
        down = row[:, None] - row[None] + rows - 1  # (L, L), in [0, 2 rows - 2]
        right = column[:, None] - column[None] + columns - 1
        index = torch.full((1 + len(row), 1 + len(row)), offsets)
        index[1:, 1:] = down * (2 * columns - 1) + right
        index[1:, 0], index[0, 0] = offsets + 1, offsets + 2
        self.register_buffer("index", index, persistent=False)

    def forward(self) -> Tensor:
        """Bias (heads, 1 + L, 1 + L)."""
        return self.table[self.index].permute(2, 0, 1)


def start_linear(module: nn.Module) -> None:
    """Start weights of linear layers: uniform after Glorot and Bengio (2010), biases zero."""
    if isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
