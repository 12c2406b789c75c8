"""An image tokenizer: each patch of a picture becomes one of K codes, as text is made of words.

Ramesh et al. 2021, "Zero-Shot Text-to-Image Generation", arXiv:2102.12092, section 2.1 and
appendix A (the dVAE of DALL-E, which BEiT uses); how it is trained stands in
`sslcourse.methods.dvae`.

What we simplify: one stage of convolutions instead of four, a mean squared error instead of a
logit-Laplace distribution, and by default 256 codes instead of 8,192.
"""

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn

from sslcourse.networks.patches import check_divides


class ConvBlock(nn.Module):
    """Two k x k convolutions beside a shortcut, (N, D, H, W) -> (N, D, H, W)."""

    def __init__(self, width: int, kernel: int = 3) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, kernel, padding=kernel // 2)
        self.second = nn.Conv2d(width, width, kernel, padding=kernel // 2)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(F.relu(self.first(F.relu(x))))


class ImageTokenizer(nn.Module):
    """Images to codes and back.

    The encoder scores every patch against K codes; the decoder paints a picture from the codes'
    vectors, the codebook. Both look beyond the patch, so a code means something only beside its
    neighbours. There is no BatchNorm, so the tokens of a picture don't depend on the others in its
    batch, nor on training or evaluation mode.

    Args:
        patch_size: P, one token stands for P x P pixels.
        codes: K, the size of the codebook.
        width: channels of the convolutions.
        code_width: width of a code's vector.
        kernel: of the encoder's convolutions over patches, odd; with 1 a code is chosen from its
            own patch alone.

    Raises:
        ValueError: a size below 1, fewer than two codes, or an even kernel.
    """

    def __init__(
        self,
        patch_size: int = 4,
        codes: int = 256,
        width: int = 64,
        code_width: int = 32,
        kernel: int = 3,
    ) -> None:
        super().__init__()
        if min(patch_size, width, code_width) < 1 or codes < 2:
            raise ValueError(
                f"patch_size, width and code_width must be at least 1 and codes at least 2, got "
                f"{patch_size}, {width}, {code_width} and {codes}."
            )
        if kernel < 1 or kernel % 2 == 0:
            raise ValueError(f"kernel must be odd, 1 or 3 for example, got {kernel}.")
        self.patch_size, self.codes, self.width_out = patch_size, codes, codes
        self.encoder = nn.Sequential(
            nn.Conv2d(3, width, patch_size, stride=patch_size),
            ConvBlock(width, kernel),
            ConvBlock(width, kernel),
            nn.ReLU(),
            nn.Conv2d(width, codes, 1),
        )
        self.codebook = nn.Parameter(torch.randn(codes, code_width))  # (K, d)
        self.decoder = nn.Sequential(
            nn.Conv2d(code_width, width, 1),
            ConvBlock(width),
            ConvBlock(width),
            nn.ReLU(),
            nn.Conv2d(width, 3 * patch_size**2, 1),
            nn.PixelShuffle(patch_size),
        )

    def logits(self, images: Tensor) -> Tensor:
        """Score of every code at every patch: normalised (N, 3, H, W) -> (N, L, K).

        Raises:
            ValueError: images that the patches don't fill.
        """
        check_divides(*images.shape[2:], self.patch_size)
        return rearrange(self.encoder(images), "n k r c -> n (r c) k")

    @torch.no_grad()
    def tokens(self, images: Tensor) -> Tensor:
        """The best code of every patch: normalised images (N, 3, H, W) -> int64 (N, L).

        Raises:
            ValueError: images that the patches don't fill.
        """
        return self.logits(images).argmax(dim=2)

    def decode(self, shares: Tensor, *, columns: int | None = None) -> Tensor:
        """Paint pictures from how much of each code every patch has.

        Args:
            shares: (N, L, K), rows sum to 1; one-hot rows mean one code each.
            columns: patches in a row; by default the picture is square.

        Returns:
            Normalised images (N, 3, H, W).
        """
        columns = columns or round(shares.shape[1] ** 0.5)
        vectors = shares @ self.codebook.to(shares.dtype)  # (N, L, d)
        plane = rearrange(vectors, "n (r c) d -> n d r c", c=columns)
        return self.decoder(plane.contiguous(memory_format=torch.channels_last))

    @torch.no_grad()
    def paint(self, tokens: Tensor, *, columns: int | None = None) -> Tensor:
        """Paint pictures from tokens, int64 (N, L) -> normalised images (N, 3, H, W).

        Raises:
            ValueError: tokens outside the codebook, or not (N, L).
        """
        check_tokens(tokens, self.codes)
        shares = F.one_hot(tokens, self.codes).to(self.codebook.dtype)  # (N, L, K)
        return self.decode(shares, columns=columns)

    def forward(self, images: Tensor) -> Tensor:
        """How often each code stands in each image, (N, K): its features."""
        return F.one_hot(self.tokens(images), self.codes).float().mean(dim=1)


def token_shares(tokens: Tensor, codes: int) -> Tensor:
    """How often each of K codes stands among some tokens: int64 of any shape -> (K,), sum 1."""
    flat = tokens.flatten()
    counts = torch.zeros(codes, device=flat.device)
    counts.index_add_(0, flat, counts.new_ones(len(flat)))  # bincount would make a GPU wait
    return counts / len(flat)


def check_tokens(tokens: Tensor, codes: int) -> None:
    """Refuse what is no (N, L) of whole numbers from 0 to K - 1."""
    if tokens.ndim != 2 or tokens.is_floating_point() or tokens.dtype == torch.bool:
        raise ValueError(
            f"tokens must be whole numbers (N, L), got {tokens.dtype} {tuple(tokens.shape)}."
        )
    # asking a GPU would make it wait
    outside = tokens.device.type == "cpu" and tokens.numel() > 0
    if outside and (tokens.min() < 0 or tokens.max() >= codes):
        raise ValueError(
            f"tokens must lie in 0 to {codes - 1}, the codebook's {codes} codes; got "
            f"{int(tokens.min())} to {int(tokens.max())}. Was another tokenizer used?"
        )
