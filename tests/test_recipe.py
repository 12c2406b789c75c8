"""Going on with a training: the same recipe, all of it, or a sentence that names the difference."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch

from sslcourse.data import Augment, load
from sslcourse.methods import SimCLR
from sslcourse.networks import resnet
from sslcourse.train import TrainConfig, fit, load_checkpoint, loop

IMAGES = load("scenes", limit=64)


def method(**options):
    torch.manual_seed(0)
    return SimCLR(resnet(8, 1), **{"augment": Augment(size=16), **options})


@pytest.fixture
def config(tmp_path):
    return TrainConfig(steps=4, batch_size=16, checkpoint=tmp_path / "run.pt")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temperature": 5.0}, "method's temperature = 0.2, not 5.0"),
        ({"augment": Augment(size=20)}, "method's augment = Augment"),
    ],
)
def test_another_method_is_not_continued(config, options, words):
    fit(method(), IMAGES, config)
    with pytest.raises(ValueError, match=words):
        fit(method(**options), IMAGES, config)


def test_other_images_or_another_precision_are_not_continued(config):
    fit(method(), IMAGES, replace(config, precision="float32"))
    with pytest.raises(ValueError, match="images = 64 with checksum"):
        fit(method(), load("scenes", "test", limit=64), config)
    with pytest.raises(ValueError, match="was trained in float32, not bfloat16"):
        fit(method(), IMAGES, replace(config, precision="bfloat16"))
    assert fit(method(), IMAGES, config).precision == "float32", "auto goes on as it was"


def test_one_changed_pixel_anywhere_is_other_data(config):
    scenes = load("scenes", limit=320)
    fit(method(), scenes, config)
    changed = scenes.images.clone()
    changed[319, 0, 31, 31] ^= 1  # beyond the first 256, which older checkpoints know only
    words = "with fingerprint of the images = [0-9a-f]{8}, not [0-9a-f]{8}: the data has changed"
    with pytest.raises(ValueError, match=words):
        fit(method(), replace(scenes, images=changed), config)
    with pytest.raises(ValueError, match="images = 320 with .*, not 319 with .* data has changed"):
        fit(method(), scenes[:319], config)


def test_a_checkpoint_that_is_older_than_the_fingerprint_goes_on(config):
    """Files of the same format, written before all images were noted."""
    whole = method()
    fit(whole, IMAGES, config)
    state = torch.load(config.checkpoint, weights_only=True)
    del state["progress"]["recipe"]["fingerprint of the images"]
    torch.save(state, config.checkpoint)
    resumed = method()
    assert len(fit(resumed, IMAGES, config)) == 4
    pairs = zip(whole.parameters(), resumed.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


def test_beginning_anew_replaces_the_checkpoint_only_when_it_can(config):
    fit(method(), IMAGES, config)
    path, first = config.checkpoint, config.checkpoint.read_bytes()

    def fail(step, history):
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        fit(method(), IMAGES, replace(config, resume=False, seed=1), on_step=fail)
    assert path.read_bytes() == first
    fit(method(), IMAGES, replace(config, resume=False, seed=1))
    assert path.read_bytes() != first


def test_numbers_of_numpy_can_be_saved_and_go_on(config):
    config = replace(config, learning_rate=np.float64(1e-3), seed=np.int64(3))
    fit(method(), IMAGES, config)
    assert len(fit(method(), IMAGES, config)) == 4


def test_a_seed_may_be_large(config):
    assert len(fit(method(), IMAGES, replace(config, seed=2**62))) == 4


def test_the_checkpoint_is_written_now_and_then(config):
    seen = []
    fit(
        method(),
        IMAGES,
        replace(config, checkpoint_seconds=0.0),
        on_step=lambda step, history: seen.append(config.checkpoint.exists()),
    )
    assert all(seen)


def test_training_time_counts_all_sittings(config, monkeypatch):
    clock = iter(range(10**6))
    monkeypatch.setattr(loop.time, "monotonic", lambda: float(next(clock)))

    def stop(step, history):
        if step == 2:
            os.kill(os.getpid(), signal.SIGINT)

    before = fit(method(), IMAGES, config, on_step=stop)["seconds"]
    after = fit(method(), IMAGES, config)["seconds"]
    assert after[:2] == before and after[2] > after[1]


def test_a_second_control_c_stops_at_once(config):
    def twice(step, history):
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        fit(method(), IMAGES, config, on_step=twice)


def test_fit_trains_in_training_mode(config):
    trained = method().eval()
    before = trained.head.norms[0].running_mean.clone()
    fit(trained, IMAGES, config)
    assert trained.training and not torch.equal(trained.head.norms[0].running_mean, before)


def test_a_checkpoint_without_its_optimiser_is_named(config):
    trained = method()
    fit(trained, IMAGES, config)
    fresh = method()
    before = [p.detach().clone() for p in fresh.parameters()]
    sgd = torch.optim.SGD(fresh.parameters(), 0.1)
    with pytest.raises(ValueError, match="holds the state of AdamW .* not of SGD"):
        load_checkpoint(config.checkpoint, fresh, sgd)
    assert all(torch.equal(a, b) for a, b in zip(before, fresh.parameters(), strict=True))
    load_checkpoint(config.checkpoint, fresh)
    pairs = zip(trained.parameters(), fresh.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)
