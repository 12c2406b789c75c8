"""Features in the plane and among their neighbours: what a representation puts side by side."""

from collections.abc import Mapping, Sequence

import torch
from matplotlib.figure import Figure
from torch import Tensor

from sslcourse.data.images import ImageSet
from sslcourse.teach.figures import TEXT, Picture, draw_image, finish, nearest_neighbours
from sslcourse.teach.plots import draw_points

WAYS = ("pca", "t-sne")


def to_plane(features: Tensor, way: str = "pca", *, seed: int = 0) -> Tensor:
    """Bring features to two dimensions, by scikit-learn.

    PCA shows the two directions in which the features differ most: distances in it are true as far
    as they go, and most of the variance may lie elsewhere. t-SNE (van der Maaten and Hinton 2008)
    keeps neighbours together; its distances between groups mean nothing, and it takes seconds.

    Args:
        features: (N, D), N at least 3.
        way: "pca" or "t-sne".
        seed: of t-SNE.

    Returns:
        float32 (N, 2), on the CPU.

    Raises:
        ValueError: an unknown way, features of another shape, or too few.
    """
    if way not in WAYS:
        raise ValueError(f"unknown way {way!r}; choose one of {', '.join(WAYS)}.")
    if features.ndim != 2 or len(features) < 3 or features.shape[1] < 2:
        raise ValueError(
            f"need features (N, D) of at least 3 images and 2 dimensions, got "
            f"{tuple(features.shape)}."
        )
    values = features.detach().cpu().float().numpy()
    if way == "pca":
        from sklearn.decomposition import PCA

        # the sign of a component is fixed by scikit-learn, so pictures do not flip between runs
        points = PCA(2, svd_solver="full").fit_transform(values)
    else:
        from sklearn.manifold import TSNE

        perplexity = min(30.0, (len(values) - 1) / 3)
        points = TSNE(2, perplexity=perplexity, init="pca", random_state=seed).fit_transform(values)
    return torch.from_numpy(points).float()


def embeddings(
    features: Mapping[str, Tensor],
    labels: Tensor,
    names: Sequence[str],
    description: str,
    *,
    way: str = "pca",
    columns: int = 3,
    seed: int = 0,
) -> Picture:
    """One panel of points for each representation of the same images, with one legend.

    Args:
        features: {representation: features (N, D)}.
        labels: (N,), indices into `names`: classes, or the values of a factor.
        names: of the classes, or of the factor's values.
        description: the sentence.
        way: see `to_plane`.
        columns: panels side by side.
        seed: see `to_plane`.

    Raises:
        ValueError: see `to_plane`.
    """
    columns = min(columns, len(features))
    rows = -(-len(features) // columns)
    figure = Figure(figsize=(3.0 * columns + 1.4, 3.0 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[len(features) :]:
        axes.set_axis_off()
    for axes, (title, values) in zip(grid.flat, features.items(), strict=False):
        draw_points(axes, to_plane(values, way, seed=seed), labels, names, title, size=8)
    handles, texts = grid.flat[0].get_legend_handles_labels()
    figure.legend(
        handles, texts, loc="outside right center", fontsize=TEXT, frameon=False, markerscale=1.5
    )
    return finish(figure, description)


def neighbour_rows(
    images: ImageSet,
    features: Mapping[str, Tensor],
    query: int,
    description: str,
    *,
    count: int = 8,
) -> Picture:
    """What each representation finds most similar to one image.

    Args:
        images: the images that are searched.
        features: {representation: features (N, D) of `images`}.
        query: position of the image in question, which stands first in every row.
        description: the sentence.
        count: neighbours to show.

    Raises:
        ValueError: features that are not of these images, or too few images.
    """
    for name, values in features.items():
        if len(values) != len(images) or count >= len(images):
            raise ValueError(
                f"need features of the {len(images)} images and more images than neighbours, got "
                f"{len(values)} features of {name!r} and count {count}."
            )
    figure = Figure(figsize=(0.95 * (count + 1) + 1.8, 1.05 * len(features)), layout="constrained")
    grid = figure.subplots(len(features), count + 1, squeeze=False)
    for row, (name, values) in zip(grid, features.items(), strict=True):
        found = [query, *nearest_neighbours(values, [query], count)[0].tolist()]
        for axes, index in zip(row, found, strict=True):
            draw_image(axes, images.images[index])
        row[0].text(
            -0.15, 0.5, name, transform=row[0].transAxes, ha="right", va="center", fontsize=TEXT
        )
    return finish(figure, description)
