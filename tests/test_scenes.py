"""Scenes: pictures, masks and factors must tell the same story, measured in finished pictures."""

import colorsys
import itertools
import math
import time

import pytest
import torch

from sslcourse.data import load, scenes


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    """Threads that wait by spinning stall each other where another program keeps a core busy."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def world():
    return load("scenes", limit=4_000)


@pytest.fixture(scope="module")
def large_world():
    """Twice the resolution, so that areas and centres can be measured finely."""
    return load("scenes", limit=1_000, size=64)


def one_of_each(angle=0.0, area=0.2, size=64):
    """Coverage (10, size, size) of every shape, alone in the centre."""
    count = len(scenes.SHAPES)
    values = {"size": area, "x": 0.0, "y": 0.0, "angle": angle, "texture": 0}
    factors = {name: torch.full((count,), value) for name, value in values.items()}
    factors["shape"] = torch.arange(count)
    return scenes.draw_objects(factors, size)[0]


def overlap(first, second):
    """Intersection over union of masks (..., H, W)."""
    return (first & second).sum((-2, -1)) / (first | second).sum((-2, -1))


def saturation(images):
    """Chroma over brightness in [0, 1] of each pixel: objects are colourful, places are not."""
    brightest = images.amax(1).float()
    return (brightest - images.amin(1).float()) / brightest.clamp_min(1)  # (N, H, W)


def test_twenty_thousand_scenes_take_seconds():
    started = time.monotonic()
    assert len(load("scenes")) == 20_000
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("limit", [1, 50, 1_000, 1_050])
def test_a_small_set_is_the_start_of_a_large_one(world, limit):
    small = load("scenes", limit=limit)
    assert torch.equal(small.images, world.images[:limit])
    assert torch.equal(small.masks, world.masks[:limit])
    for name, values in small.factors.items():
        assert torch.equal(values, world.factors[name][:limit]), name


def test_no_picture_is_shared_by_blocks_splits_or_seeds(world):
    others = [("validation", 0), ("test", 0), ("train", 1), ("validation", 1), ("train", 2)]
    sets = [world] + [load("scenes", split, limit=200, seed=seed) for split, seed in others]
    everything = torch.cat([drawn.images for drawn in sets])
    assert len(everything.flatten(1).unique(dim=0)) == len(everything)


def test_the_global_random_state_neither_matters_nor_moves(world):
    torch.manual_seed(123)
    state = torch.get_rng_state()
    assert torch.equal(load("scenes", limit=300).images, world.images[:300])
    assert torch.equal(torch.get_rng_state(), state)


def test_the_shape_is_the_class_and_balanced_in_every_thousand(world):
    assert world.classes == tuple(scenes.SHAPES) and len(world.classes) == 10
    assert torch.equal(world.factors["shape"], world.labels)
    for labels in world.labels.split(1_000):
        assert labels.bincount(minlength=10).tolist() == [100] * 10


def test_factors_fill_their_ranges(world):
    kinds = {"colour": scenes.COLOURS, "texture": scenes.TEXTURES, "background": scenes.PLACES}
    for name, values in kinds.items():
        assert world.factors[name].unique().tolist() == list(range(len(values))), name
    largest = {"x": scenes.OFFSET, "y": scenes.OFFSET, "angle": scenes.ANGLE}
    ranges = {name: (-limit, limit) for name, limit in largest.items()}
    for name, (low, high) in (ranges | {"size": scenes.AREA}).items():
        values, slack = world.factors[name], 0.01 * (high - low)
        assert low <= values.min() < low + slack and high - slack < values.max() <= high, name


def test_factors_are_independent_of_the_class_and_of_each_other(world):
    indices = {}
    for name, values in world.factors.items():
        if values.is_floating_point():  # a measure becomes its fifth
            values = values.argsort().argsort() * 5 // len(values)
        indices[name] = values
    for first, second in itertools.combinations(indices, 2):
        table = torch.stack([indices[first], indices[second]]).unique(dim=1, return_counts=True)[1]
        kinds = len(indices[first].unique()), len(indices[second].unique())
        expected = len(world) / math.prod(kinds)
        assert len(table) == math.prod(kinds), f"{first} and {second}: a combination is missing"
        statistic = ((table - expected) ** 2 / expected).sum()
        freedom = (kinds[0] - 1) * (kinds[1] - 1)
        assert statistic < freedom + 5 * math.sqrt(2 * freedom), f"{first} and {second}"


def test_the_mask_has_the_size_and_the_centre_that_the_factors_say(large_world):
    framed = large_world.masks.clone()
    framed[:, 1:-1, 1:-1] = False
    whole = ~framed.any((1, 2))  # no pixel of the object touches the border
    masks = large_world.masks[whole].float()
    factors = {name: values[whole] for name, values in large_world.factors.items()}
    assert len(masks) > 100 and len(factors["shape"].unique()) == 10
    assert (masks.mean((1, 2)) / factors["size"] - 1).abs().max() < 0.08
    centres = (torch.arange(64) + 0.5) / 32 - 1
    pixels = masks.sum((1, 2))
    x = (masks.sum(1) * centres).sum(1) / pixels
    y = (masks.sum(2) * centres).sum(1) / pixels
    assert (x - factors["x"]).abs().max() < 1 / 32  # one pixel
    assert (y - factors["y"]).abs().max() < 1 / 32


def test_the_mask_lies_on_the_object_in_the_picture(world):
    colourful = saturation(world.images) > 0.5
    agreement = (colourful == world.masks).float().mean((1, 2))
    assert agreement.mean() > 0.97 and agreement.quantile(0.01) > 0.9
    assert overlap(colourful, world.masks).mean() > 0.9


def test_the_object_wears_the_colour_that_the_factor_says(world):
    masks = world.masks[:500, None]
    mean = (world.images[:500] * masks).sum((2, 3)) / (255 * masks.sum((2, 3)))
    hues = torch.tensor([colorsys.rgb_to_hsv(*colour)[0] for colour in mean.tolist()])
    seen = (hues * len(scenes.COLOURS)).round().long() % len(scenes.COLOURS)
    assert (seen == world.factors["colour"][:500]).float().mean() > 0.97


def test_only_textured_objects_vary_in_brightness(large_world):
    brightness = large_world.images.amax(1).float() / 255
    spread = torch.stack([b[m].std() for b, m in zip(brightness, large_world.masks, strict=True)])
    plain, *textured = (spread[large_world.factors["texture"] == kind] for kind in range(4))
    assert min(kind.quantile(0.05) for kind in textured) > 1.5 * plain.quantile(0.95)


def test_every_shape_covers_the_area_asked_for():
    for area in (0.12, 0.18, 0.24):
        covered = one_of_each(area=area, size=128).mean((1, 2))
        assert (covered / area - 1).abs().max() < 0.025, covered


@pytest.mark.parametrize("name", scenes.SHAPES)
def test_signed_distances_have_slope_one_and_both_signs(name):
    generator = torch.Generator().manual_seed(0)
    points = torch.rand(2, 5_000, generator=generator, dtype=torch.float64) * 6 - 3
    points.requires_grad_()
    distance = scenes.SHAPES[name](points[0], points[1])
    slope = torch.autograd.grad(distance.sum(), points)[0].norm(dim=0)
    assert slope.max() < 1 + 1e-6  # steeper, and edges would be drawn jagged
    assert slope[distance.abs() < 0.1].min() > 1 - 1e-6  # flatter, and edges would be blurred
    assert (distance < 0).any() and (distance[points.norm(dim=0) > 2.5] > 0).all()


def test_no_shape_looks_like_another_at_any_angle():
    # fine enough that pixels on the outline, which may round either way, don't count
    angles = torch.arange(0, 2 * math.pi, 0.2).tolist()
    turned = [one_of_each(angle, size=192) > 0.5 for angle in angles]
    upright, turned = turned[0], torch.stack(turned, dim=1)  # (10, H, W), (10, angles, H, W)
    for first, second in itertools.permutations(range(10), 2):
        closest = overlap(upright[first], turned[second]).max()
        assert closest < 0.85, f"shapes {first} and {second} overlap by {closest:.2f}"


def test_a_quarter_turn_turns_clockwise():
    upright, turned = one_of_each() > 0.5, one_of_each(math.pi / 2) > 0.5
    assert overlap(turned, upright.rot90(-1, (1, 2))).min() > 0.98
    bar = list(scenes.SHAPES).index("bar")
    assert overlap(turned, upright)[bar] < 0.6


@pytest.mark.parametrize("variant", ["grey", "camouflage"])
def test_colourless_objects_leave_no_colour_to_tell(world, variant):
    drawn = load("scenes", limit=1_000, variant=variant)
    assert set(world.factors) - set(drawn.factors) == {"colour"}
    seen, colourful = (saturation(s.images)[s.masks].mean() for s in (drawn, world))
    assert seen < 0.4 * colourful


def test_only_backgrounds_of_their_own_tell_pictures_apart(world):
    own = load("scenes", limit=1_000, variant="own")
    assert set(world.factors) - set(own.factors) == {"background"}
    spreads = []
    for images in (own.images, world.images):
        border = images[:, :, [0, -1]].float().mean((2, 3))
        spreads.append((border / border.sum(1, keepdim=True)).std(0))  # light and dark cancel
    assert (spreads[0] > 2 * spreads[1]).all()


def test_distractors_lie_outside_the_mask_and_show_other_shapes(world, monkeypatch):
    drawn_shapes, draw_objects = [], scenes.draw_objects

    def watched(factors, size):
        drawn_shapes.append(factors["shape"])
        return draw_objects(factors, size)

    monkeypatch.setattr(scenes, "draw_objects", watched)
    drawn = load("scenes", limit=1_000, variant="distractors")
    *distractors, objects = drawn_shapes
    assert torch.equal(objects, drawn.labels) and len(distractors) == 3
    for shapes in distractors:
        assert not (shapes == drawn.labels).any()
    assert set(drawn.factors) == set(world.factors)
    litter = ((saturation(drawn.images) > 0.5) & ~drawn.masks).float().mean()
    clean = ((saturation(world.images) > 0.5) & ~world.masks).float().mean()
    assert litter > clean + 0.02  # three eighths of an object, partly behind it
    assert drawn.masks.float().mean() < scenes.AREA[1]


@pytest.mark.parametrize("size", [8, 16, 64])
@pytest.mark.parametrize("variant", scenes.VARIANTS)
def test_every_variant_at_any_image_size(variant, size):
    drawn = load("scenes", "test", limit=20, size=size, variant=variant)
    assert drawn.images.shape == (20, 3, size, size) and drawn.masks.shape == (20, size, size)
    assert drawn.masks.dtype == torch.bool and drawn.masks.any((1, 2)).all()
    assert drawn.images.float().std((1, 2, 3)).min() > 1  # no empty picture


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ({"split": "valid"}, ["valid", *scenes.SPLITS]),
        ({"variant": "gray"}, ["gray", *scenes.VARIANTS]),
        ({"limit": 0}, ["limit", "at least 1", "got 0"]),
        ({"size": 7}, ["size >= 8", "7"]),
        ({"seed": -1}, ["seed >= 0", "-1"]),
    ],
)
def test_errors_name_what_is_known(arguments, named):
    with pytest.raises(ValueError) as caught:
        load("scenes", **arguments)
    assert all(word in str(caught.value) for word in named)


def test_a_few_large_scenes_do_not_cost_a_thousand():
    started = time.monotonic()
    assert load("scenes", size=224, limit=4).images.shape == (4, 3, 224, 224)
    assert time.monotonic() - started < 5
    first = load("scenes", size=224, limit=90)
    assert torch.equal(first.images[:4], load("scenes", size=224, limit=4).images)
