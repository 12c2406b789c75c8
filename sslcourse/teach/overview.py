"""The README's picture: what goes in, what is learned, and how much.

    python -m sslcourse.teach.overview

It trains SimCLR for the laptop budget's 90 seconds, so every number in it is measured.
"""

import copy
from dataclasses import replace
from pathlib import Path

import torch
from matplotlib.figure import Figure, SubFigure

from sslcourse.budgets import budget
from sslcourse.data import ImageSet, denormalize, load
from sslcourse.evaluate import extract_features, pixels
from sslcourse.pretrain import build, score
from sslcourse.teach.bars import draw_bars
from sslcourse.teach.figures import TEXT, Picture, draw_image, finish, nearest_neighbours
from sslcourse.train import fit

PLACE = Path(__file__).parent / "pictures" / "overview.png"


def draw_views(part: SubFigure, images: ImageSet, method) -> None:
    """Three images, each with two random views."""
    part.suptitle("Two random views of an image\nshall have similar features", fontsize=TEXT + 1)
    chosen = images.images[[1, 5, 12]]
    views = method.make_views(chosen, torch.Generator().manual_seed(3))
    grid = part.subplots(3, 3)
    for row, image in enumerate(chosen):
        titles = ("image", "view 1", "view 2") if row == 0 else ("", "", "")
        shown = (image, denormalize(views[0])[row], denormalize(views[1])[row])
        for axes, picture, title in zip(grid[row], shown, titles, strict=True):
            draw_image(axes, picture, title)


def draw_neighbours(part: SubFigure, images: ImageSet, features: dict[str, torch.Tensor]) -> None:
    """One query and what each representation finds most similar."""
    part.suptitle("Most similar images\nto the first of each row", fontsize=TEXT + 1)
    query = int((images.labels == images.classes.index("star")).nonzero()[0])
    grid = part.subplots(len(features), 6)
    for row, (name, values) in enumerate(features.items()):
        found = [query, *nearest_neighbours(values, [query], 5)[0].tolist()]
        for column, (axes, index) in enumerate(zip(grid[row], found, strict=True)):
            draw_image(axes, images.images[index], name if column == 2 else "")


def overview() -> Picture:
    """Train, measure and draw."""
    chosen = budget("simclr", "laptop")
    train, test = load("scenes"), load("scenes", "test")
    method = build("simclr", chosen, seed=0)
    untrained = copy.deepcopy(method.encoder)
    fit(method, train, replace(chosen.training, seconds=90))

    probe = train.subset(chosen.probe_images)
    rows = {"pixels": (pixels(probe), pixels(test))}
    for name, encoder in (("untrained encoder", untrained), ("SimCLR", method.encoder)):
        rows[name] = (extract_features(encoder, probe), extract_features(encoder, test))
    scores = {name: linear for name, (linear, _) in score(rows, probe, test).items()}

    figure = Figure(figsize=(12, 3.4), layout="constrained")
    views, neighbours, bars = figure.subfigures(1, 3, width_ratios=(1, 1.7, 1.5))
    draw_views(views, test, method)
    draw_neighbours(neighbours, test, {name: features for name, (_, features) in rows.items()})
    title = "Ten shapes named from frozen features,\nafter 90 s of training without labels"
    bars.suptitle(title, fontsize=TEXT + 1)
    draw_bars(bars.subplots(), scores, 0.1, "linear probe, accuracy in %")
    shares = ", ".join(f"{name} {score:.0%}" for name, score in scores.items())
    return finish(
        figure,
        "Left: three drawn scenes with two random views each. Middle: the five images most similar "
        f"to a star by pixels, untrained and SimCLR features. Right: linear probe: {shares}.",
    )


if __name__ == "__main__":
    picture = overview()
    PLACE.parent.mkdir(exist_ok=True)
    picture.save(PLACE)
    print(picture)
