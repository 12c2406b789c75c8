"""The discrete VAE that trains BEiT's tokenizer: a picture must survive being written in K codes.

Ramesh et al. 2021, arXiv:2102.12092, section 2.1; BEiT's own code trains one in the same way.

A patch's code is a choice, and a choice has no gradient. So while training the choice is softened
(Gumbel-softmax; Jang et al. 2016, arXiv:1611.01144, equation 2): with noise g from Gumbel's
distribution and a temperature T that falls,

    share of code k = softmax over k of (score_k + g_k) / T

The decoder paints from these shares, and the loss is the mean squared error of the picture, plus

    balance * (ln K - entropy of the mean shares of a batch)

which keeps the codebook alive: without it few codes would stand for everything. (The paper draws
each patch's distribution towards the uniform one instead, with a weight that rises. That makes
choices less sure; ours only asks the *batch* to use all codes.)
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.augment import CROP_AND_FLIP, Augment
from sslcourse.networks.processes import gather
from sslcourse.networks.tokenizer import ImageTokenizer, token_shares


def codebook_entropy(shares: Tensor) -> Tensor:
    """Entropy in nats of the mean use of the K codes, for shares (..., K): 0 to ln K."""
    return torch.special.entr(shares.flatten(0, -2).mean(dim=0)).sum()


def dvae_loss(pictures: Tensor, images: Tensor, shares: Tensor, *, balance: float) -> Tensor:
    """Error of the painted pictures, and how far the batch is from using all codes alike.

    Args:
        pictures: painted from the codes, (N, 3, H, W).
        images: what they should show, (N, 3, H, W).
        shares: softmax of the scores without noise, (N, L, K).
        balance: weight of the second part, at least 0.

    Returns:
        The scalar, in float32 (float64 for float64 pictures).

    Raises:
        ValueError: pictures and images of different shapes, or a negative balance.
    """
    if pictures.shape != images.shape:
        raise ValueError(
            f"pictures {tuple(pictures.shape)} and images {tuple(images.shape)} must have one "
            "shape."
        )
    if not balance >= 0:
        raise ValueError(f"balance must not be negative, got {balance}.")
    raised = torch.float64 if pictures.dtype == torch.float64 else torch.float32
    error = F.mse_loss(pictures.to(raised), images.to(raised))
    return error + balance * (math.log(shares.shape[-1]) - codebook_entropy(shares.to(raised)))


class DVAE(nn.Module):
    """Trains an `ImageTokenizer`; it is the `encoder`, its features are an image's code counts.

    Args:
        tokenizer: trained in place.
        temperature: T at the start and at the end, greater than 0; it falls geometrically.
        balance: weight of the codebook's balance, at least 0.
        augment: makes the view; by default crops and flips.

    Raises:
        ValueError: a temperature or balance out of its range.
    """

    def __init__(
        self,
        tokenizer: ImageTokenizer,
        *,
        temperature: tuple[float, float] = (1.0, 0.1),
        balance: float = 0.05,
        augment: Augment | None = None,
    ) -> None:
        super().__init__()
        if not min(temperature) > 0 or not balance >= 0:
            raise ValueError(
                f"both temperatures must be greater than 0 and balance not negative, got "
                f"{temperature} and {balance}."
            )
        self.encoder, self.temperature, self.balance = tokenizer, temperature, balance
        self.augment = augment or CROP_AND_FLIP
        self.progress = 0.0

    def get_extra_state(self) -> Tensor:
        """What a checkpoint needs beside weights."""
        return torch.tensor(self.progress, dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        self.progress = float(state)

    def make_views(
        self, images: Tensor, generator: torch.Generator | None = None
    ) -> tuple[Tensor, Tensor]:
        """One view (N, 3, H, W) of each uint8 image, and Gumbel noise (N, L, K) for its codes."""
        views = self.augment(images, generator)
        source = generator.device if generator is not None else images.device
        length = math.prod(side // self.encoder.patch_size for side in views.shape[2:])
        waiting = torch.empty(len(views), length, self.encoder.codes, device=source)
        waiting.exponential_(generator=generator).clamp_min_(torch.finfo(waiting.dtype).tiny)
        return views, -waiting.log().to(images.device)  # Gumbel's distribution

    def temperature_at(self, progress: float) -> float:
        """T after a share of the training."""
        start, end = self.temperature
        return start * (end / start) ** progress

    def loss(self, views: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor | float]]:
        """Paint the views from softened codes; watch the picture's error and the codes in use."""
        images, noise = views
        logits = self.encoder.logits(images).float()  # (N, L, K)
        softened = torch.softmax((logits + noise) / self.temperature_at(self.progress), 2)
        columns = images.shape[3] // self.encoder.patch_size
        pictures = self.encoder.decode(softened, columns=columns)
        shares = gather(torch.softmax(logits, dim=2))  # codes are balanced over all processes
        loss = dvae_loss(pictures, images, shares, balance=self.balance)
        return loss, self.diagnostics(pictures, images, logits)

    @torch.no_grad()
    def diagnostics(
        self, pictures: Tensor, images: Tensor, logits: Tensor
    ) -> dict[str, Tensor | float]:
        """The picture's error, what a grey picture would score, and the codes in use.

        "used" is the exponential of the entropy of the chosen codes, in [1, K] (its perplexity).
        """
        share = token_shares(logits.argmax(dim=2), self.encoder.codes)
        return {
            "chance": images.var(dim=(0, 2, 3), correction=0).mean(),
            "error": F.mse_loss(pictures.float(), images),
            "used": torch.exp(torch.special.entr(share).sum()),
        }

    def after_step(self, progress: float) -> None:
        """Remember how far the training is: the temperature falls with it."""
        self.progress = progress


@torch.no_grad()
def codebook_usage(tokens: Tensor, codes: int) -> dict[str, float]:
    """How many codes of a codebook some tokens use.

    Args:
        tokens: int64, any shape.
        codes: K.

    Returns:
        "used": the share of codes that occur, in [0, 1]; "perplexity": the exponential of the
        entropy of how often, in [1, K].
    """
    share = token_shares(tokens, codes)
    perplexity = torch.exp(torch.special.entr(share).sum())
    return {"used": (share > 0).float().mean().item(), "perplexity": perplexity.item()}
