"""How many directions do features use? Their singular values, and the two numbers beside them.

A singular value says how far the features spread in one direction. Where most of them are near
zero, the features live in few dimensions: *dimensional collapse* (Jing et al. 2021,
arXiv:2110.09348), which a mean over the dimensions such as `feature_std` can't see.
"""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.evaluate.collapse import effective_rank, feature_std
from sslcourse.teach.figures import BLACK, ORANGE, TEXT, Picture, finish
from sslcourse.teach.plots import COLOURS, DASHES, label_axes

LOWEST = 1e-4  # smaller shares of the largest singular value are drawn here


def spectrum(features: Tensor) -> Tensor:
    """Singular values of features (N, D), largest first, as shares of the largest: (min(N, D),).

    Of the features as they are, not centred, as in `effective_rank`.
    """
    values = torch.linalg.svdvals(features.detach().float()).cpu()
    return values / values[0].clamp_min(torch.finfo(values.dtype).tiny)


def draw_spectrum(axes: Axes, features: Mapping[str, Tensor]) -> None:
    """One falling line for each set of features, over the number of the direction."""
    for index, (name, values) in enumerate(features.items()):
        shares = spectrum(values).clamp_min(LOWEST)
        axes.plot(
            range(1, len(shares) + 1),
            shares.tolist(),
            color=COLOURS[index % len(COLOURS)],
            linestyle=DASHES[index % len(DASHES)],
            linewidth=1.8,
            label=name,
        )
    axes.set_yscale("log")
    axes.set_ylim(LOWEST, 1.5)
    # beside the axes: inside, six names would stand on a line
    axes.legend(fontsize=TEXT, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    label_axes(axes, "direction, the strongest first", "singular value / largest")


def draw_shares(axes: Axes, shares: Mapping[str, float], texts: Sequence[str], title: str) -> None:
    """A bar for each set of features, in the colour of its line; 1 is what an even spread has."""
    for index, (name, share) in enumerate(shares.items()):
        axes.barh(name, share, color=COLOURS[index % len(COLOURS)], height=0.6)
        inside = share > 0.5  # beside a long bar the number would stand on the dashed line
        axes.text(
            share - 0.04 if inside else share + 0.04,
            index,
            texts[index],
            ha="right" if inside else "left",
            va="center",
            color="white" if inside else BLACK,
            fontsize=TEXT,
        )
    axes.axvline(1.0, color=ORANGE, linestyle="--", linewidth=1.2)
    axes.set_xlim(0, 1.1)
    axes.invert_yaxis()
    axes.set_title(title, fontsize=TEXT)
    label_axes(axes, "1 = as in an even spread", "")


def spectra(features: Mapping[str, Tensor], description: str) -> Picture:
    """Compare the spread of several sets of features.

    Left: singular values, falling. Middle and right: feature std and effective rank, each as a
    share of what features would have that spread evenly over all D directions.

    Args:
        features: {name: features (N, D)}.
        description: the sentence.
    """
    figure = Figure(figsize=(11.0, 3.0), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=(2, 1, 1))
    draw_spectrum(left, features)
    widths = {name: values.shape[1] for name, values in features.items()}
    spread = {name: feature_std(z) * widths[name] ** 0.5 for name, z in features.items()}
    draw_shares(middle, spread, [f"{share:.2f}" for share in spread.values()], "feature std")
    ranks = {name: effective_rank(z) for name, z in features.items()}
    texts = [f"{rank:.0f} of {widths[name]}" for name, rank in ranks.items()]
    shares = {name: rank / widths[name] for name, rank in ranks.items()}
    draw_shares(right, shares, texts, "effective rank")
    right.set_yticklabels([])
    return finish(figure, description)
