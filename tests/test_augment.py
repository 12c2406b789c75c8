"""`Augment` against torchvision's functional transforms, image by image, and its random draws."""

import dataclasses
import math

import pytest
import torch
import torchvision.transforms.v2.functional as reference

from sslcourse.data import Augment, denormalize, normalize
from sslcourse.data.augment import ViewParameters

NOTHING = dict.fromkeys(field.name for field in dataclasses.fields(ViewParameters))
OFF = Augment(crop_scale=None, flip=0, jitter=None, grayscale=0, normalized=False)
EVERYTHING = Augment(jitter=0.8, blur=0.5, solarize=0.3)


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def pictures(count=8, height=32, width=32):
    """Noise, but the first three are saturated (channels 0 or 1), grey, and black beside white."""
    images = torch.rand(count, 3, height, width, generator=seeded())
    images[0] = images[0].round()
    images[1] = images[1, :1]
    images[2] = (torch.arange(width) >= width // 2).float()
    return images


def apply(images, *, size=None, **parts):
    """Views in [0, 1] for given parameters; everything else is off."""
    return dataclasses.replace(OFF, size=size).apply(images, ViewParameters(**NOTHING | parts))


def close(ours, theirs, tolerance=1e-5):
    torch.testing.assert_close(ours, torch.stack(theirs), atol=tolerance, rtol=0)


@pytest.mark.parametrize("size", [12, 32, 50])
@pytest.mark.parametrize("shape", [(32, 32), (24, 40)])
def test_crop_is_torchvisions_resized_crop(shape, size):
    images, (height, width) = pictures(6, *shape), shape
    boxes = [(0, 0, height, width), (3, 5, 8, 6), (0, 9, 21, 19), (height - 1, width - 1, 1, 1)]
    boxes += [(1, 0, height - 1, 3), (5, 2, 2, width - 2)]
    theirs = [
        reference.resized_crop(image, *box, [size, size], antialias=True)
        for image, box in zip(images, boxes, strict=True)
    ]
    close(apply(images, size=size, boxes=torch.tensor(boxes)), theirs)


@pytest.mark.parametrize("size", [None, 16])
def test_flip_mirrors_left_and_right(size):
    flipped = torch.arange(8) % 3 == 0
    views, plain = (apply(pictures(), size=size, flipped=which) for which in (flipped, None))
    close(views, [reference.horizontal_flip(v) if f else v for v, f in zip(plain, flipped)])


FACTORS = [0.0, 0.3, 0.8, 1.0, 1.2, 1.9, 0.5, 3.0]
TURNS = [-0.5, -0.31, -0.1, 0.0, 0.07, 0.25, 0.4, 0.5]
PARTS = ("brightness", "contrast", "saturation", "hue")
ADJUST = {part: getattr(reference, f"adjust_{part}") for part in PARTS}


@pytest.mark.parametrize("part", PARTS)
def test_each_part_of_jitter_is_torchvisions(part):
    images, jitter = pictures(), torch.tensor([1.0, 1.0, 1.0, 0.0])[:, None].repeat(1, 8)
    for value in TURNS if part == "hue" else FACTORS:
        jitter[PARTS.index(part)] = value
        theirs = [ADJUST[part](image, value) for image in images]
        close(apply(images, jitter=jitter), theirs, 1e-4 if part == "hue" else 1e-5)


def test_jitter_comes_in_its_fixed_order():
    images = pictures()
    jitter = torch.tensor([FACTORS[::-1], FACTORS, FACTORS[3:] + FACTORS[:3], TURNS])
    jitter[:3].clamp_(0.3, 1.7)  # nothing is flattened, so that the order can be seen
    forwards, backwards = list(images), list(images)
    for index, values in enumerate(jitter.T.tolist()):
        steps = list(zip(ADJUST.values(), values, strict=True))
        for views, order in ((forwards, steps), (backwards, steps[::-1])):
            for adjust, value in order:
                views[index] = adjust(views[index], value)
    close(apply(images, jitter=jitter), forwards, 1e-4)
    assert (torch.stack(forwards) - torch.stack(backwards)).abs().max() > 0.1


def test_grayscale_and_solarize_are_torchvisions():
    images, chosen = pictures(), torch.arange(8) % 3 != 1
    theirs = {"grayscale": (reference.rgb_to_grayscale, 3), "solarize": (reference.solarize, 0.5)}
    for part, (change, value) in theirs.items():
        expected = [change(i, value) if c else i for i, c in zip(images, chosen, strict=True)]
        close(apply(images, **{part: chosen}), expected)


@pytest.mark.parametrize(("size", "kernel"), [(8, 3), (32, 3), (96, 9), (110, 11)])
def test_blur_is_torchvisions_and_spans_a_tenth(size, kernel):
    images = pictures(6, size, size)
    sigma = torch.tensor([0.0, 0.1, 0.4, 1.0, 2.0, 0.0])
    theirs = list(images)
    for index in range(1, 5):  # torchvision has no sigma of 0
        theirs[index] = reference.gaussian_blur(images[index], kernel, sigma[[index] * 2].tolist())
    close(apply(images, blur_sigma=sigma), theirs)


def test_normalize_is_torchvisions_and_can_be_undone():
    images = pictures()
    ours = normalize(images)
    statistics = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]  # ImageNet's
    close(ours, [reference.normalize(image, *statistics) for image in images])
    torch.testing.assert_close(denormalize(ours), images)
    assert denormalize(3 * ours).min() == 0 and denormalize(3 * ours).max() == 1


def test_photographs_get_mean_zero_and_deviation_one():
    mean, deviation = torch.tensor([[0.491, 0.482, 0.447], [0.247, 0.243, 0.262]])  # CIFAR-10's
    noise = torch.rand(200, 16, 16, 3, generator=seeded()) * 12**0.5 - 3**0.5  # mean 0, std 1
    views = normalize((noise * deviation + mean).permute(0, 3, 1, 2))
    assert views.mean((0, 2, 3)).abs().max() < 0.25 > (views.std((0, 2, 3)) - 1).abs().max()


def test_parts_that_are_off_leave_the_picture_exactly():
    images = (pictures() * 255).byte()
    assert torch.equal(OFF(images), images / 255)
    assert torch.equal(dataclasses.replace(OFF, normalized=True)(images), normalize(images))


def test_without_a_crop_the_centre_square_is_kept():
    for shape in ((20, 33), (33, 20)):
        views = dataclasses.replace(OFF, size=20)(pictures(4, *shape))
        close(views, [reference.center_crop(image, [20, 20]) for image in pictures(4, *shape)])


@pytest.mark.parametrize("shape", [(1, 3, 32, 32), (5, 3, 20, 36), (5, 3, 36, 20)])
@pytest.mark.parametrize("size", [None, 10, 48])
def test_views_are_square_floats_in_range(shape, size):
    images = torch.randint(256, shape, dtype=torch.uint8)
    views = dataclasses.replace(EVERYTHING, size=size, normalized=False)(images, seeded())
    assert views.shape == (shape[0], 3, size or shape[2], size or shape[2])
    assert views.dtype == torch.float32 and views.device == images.device
    assert views.min() >= -1e-6 and views.max() <= 1 + 1e-6 and views.std() > 0.01


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16])
def test_bytes_and_floats_give_the_same_views(dtype):
    images = (pictures() * 255).byte()
    floats = (images.double() / 255).to(dtype)
    before, views = floats.clone(), EVERYTHING(floats, seeded(1))
    assert views.dtype == torch.float32
    difference = (views - EVERYTHING(images, seeded(1))).abs()
    assert difference.quantile(0.95) < (0.02 if dtype == torch.float16 else 1e-5)
    assert torch.equal(floats, before)  # what came in is left alone


def test_equal_generators_give_equal_views():
    images, state = pictures(), torch.get_rng_state()
    generator, views = seeded(1), EVERYTHING(images, seeded(1))
    assert not torch.equal(EVERYTHING(images, seeded(2)), views)
    assert torch.equal(EVERYTHING(images, generator), views)
    assert not torch.equal(EVERYTHING(images, generator), views)  # it moves on
    assert torch.equal(torch.get_rng_state(), state)
    assert not torch.equal(EVERYTHING(images), EVERYTHING(images))


def test_many_images_are_worked_on_in_parts(monkeypatch):
    augment = Augment(blur=0.5, solarize=0.2, size=24)
    images = pictures()
    at_once = augment(images, seeded(3))
    monkeypatch.setattr("sslcourse.data.augment.PIXELS", 3 * images.shape[2] * images.shape[3])
    assert torch.equal(augment(images, seeded(3)), at_once)


def test_every_image_has_parameters_of_its_own():
    views = EVERYTHING(pictures()[3:4].expand(64, -1, -1, -1), seeded())
    assert len(views.flatten(1).unique(dim=0)) == 64
    drawn = dataclasses.asdict(EVERYTHING.draw(64, 32, 32, generator=seeded()))
    assert all(len(drawn[name].unique()) == 2 for name in ("flipped", "grayscale", "solarize"))
    assert len(drawn["boxes"].unique(dim=0)) > 55 and len(drawn["blur_sigma"].unique()) > 20
    assert len(drawn["jitter"].unique(dim=1).T) > 40


def test_draws_follow_the_settings_and_are_independent():
    augment = Augment(crop_scale=(0.2, 0.5), blur=0.4, solarize=0.1)
    drawn = augment.draw(20_000, 224, 224, generator=seeded())
    top, left, height, width = drawn.boxes.T
    jittered, blurred = drawn.jitter[0] != 1, drawn.blur_sigma > 0
    uniform = {  # values and the ends of their range
        "area": (height * width / 224**2, 0.2, 0.5),
        "aspect": ((width / height).log(), -math.log(4 / 3), math.log(4 / 3)),
        "top": (top / (224 - height), 0, 1),
        "left": (left / (224 - width), 0, 1),
        "sigma": (drawn.blur_sigma[blurred], 0.1, 2.0),
        "hue": (drawn.jitter[3, jittered], -0.1, 0.1),  # strength one half, so 0.2 / 2
    }
    uniform |= {part: (drawn.jitter[row, jittered], 0.6, 1.4) for row, part in enumerate(PARTS[:3])}
    for name, (values, low, high) in uniform.items():
        scaled = (values - low) / (high - low)
        assert -0.02 < scaled.min() < 0.02 and 0.98 < scaled.max() < 1.02, name  # whole pixels
        assert abs(scaled.mean() - 0.5) < 0.01 and abs(scaled.std() - 12**-0.5) < 0.01, name
    chances = {0.5: drawn.flipped, 0.8: jittered, 0.2: drawn.grayscale, 0.4: blurred}
    for chance, happened in (chances | {0.1: drawn.solarize}).items():
        assert abs(happened.float().mean() - chance) < 0.015
    full = [values for values, _, _ in uniform.values() if len(values) == 20_000]
    together = torch.stack([*full, *drawn.jitter, *chances.values(), drawn.solarize]).corrcoef()
    assert (together - torch.eye(len(together))).abs().max() < 0.04


@pytest.mark.parametrize("shape", [(32, 32), (20, 64), (64, 20), (1, 1)])
def test_crops_stay_inside_the_image(shape):
    boxes = Augment(crop_scale=(0.01, 1), crop_aspect=(0.1, 10)).draw(5_000, *shape).boxes
    start, extent = boxes[:, :2], boxes[:, 2:]
    assert torch.equal(boxes, boxes.round()) and start.min() >= 0 and extent.min() >= 1
    assert (start + extent).amax(0).tolist() == list(shape)  # and it reaches the border


SETTINGS = {"boxes": "crop_scale", "flipped": "flip", "blur_sigma": "blur"}


@pytest.mark.parametrize("part", NOTHING)
def test_switching_one_part_off_leaves_the_other_draws(part):
    setting = SETTINGS.get(part, part)
    off = None if setting in ("crop_scale", "jitter") else 0
    switched = dataclasses.replace(EVERYTHING, **{setting: off})
    every = dataclasses.asdict(EVERYTHING.draw(50, 32, 32, generator=seeded()))
    fewer = dataclasses.asdict(switched.draw(50, 32, 32, generator=seeded()))
    assert fewer.pop(part) is None and every.pop(part) is not None
    assert all(torch.equal(every[name], fewer[name]) for name in every)


@pytest.mark.parametrize("shape", [(3, 32, 32), (2, 1, 32, 32), (2, 32, 32, 3)])
def test_what_is_no_batch_of_images_is_refused(shape):
    for function in (Augment(), normalize):
        with pytest.raises(ValueError, match=r"\(N, 3, H, W\), got.*32"):
            function(torch.zeros(shape))


BAD = [{"crop_scale": value} for value in ((0, 1), (0.5, 0.2), (0.5, 1.5), (-1, 1))]
BAD += [{"crop_aspect": (2, 1)}, {"crop_aspect": (0, 1)}, {"blur_sigma": (0, 1)}, {"size": 0}]
BAD += [{"jitter": value} for value in (-1, 2.6, (0.4, 0.4, 0.4, 0.6), (0.4, -1, 0.4, 0.1))]
BAD += [{"jitter": (0.4, 0.4, 0.4)}, {"jitter": math.nan}, {"jitter_probability": 1.1}]
BAD += [{name: -0.1} for name in ("flip", "grayscale", "blur", "solarize")]


@pytest.mark.parametrize("settings", BAD, ids=str)
def test_impossible_settings_are_refused_by_name(settings):
    with pytest.raises(ValueError, match=next(iter(settings))):
        Augment(**settings)


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_views_stay_on_the_device_and_equal_those_of_the_cpu():
    images = (pictures() * 255).byte()
    views = EVERYTHING(images.cuda(), seeded())
    assert views.is_cuda and EVERYTHING(images.cuda()).is_cuda
    difference = (views.cpu() - EVERYTHING(images, seeded())).abs()
    assert difference.quantile(0.999) < 1e-3  # solarize may differ where a pixel is just one half
