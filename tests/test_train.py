"""The training loop: schedule, order, exact resumption, interrupts, and what may go wrong."""

import itertools
import math
import os
import signal
import warnings

import pytest
import torch
from trainings import SCENES, Recorder, config, same_weights, small_method

from sslcourse.data import ImageSet
from sslcourse.train import TrainConfig, cosine, fit, loop, warmup_cosine


def test_schedule_rises_in_a_line_and_falls_along_a_cosine():
    assert [warmup_cosine(p, 0.2) for p in (0, 0.1, 0.2, 0.6, 1)] == pytest.approx(
        [0, 0.5, 1, 0.5, 0]
    )
    assert warmup_cosine(0.0, 0.0) == 1
    assert cosine(0.25, 2.0, 1.0) == pytest.approx(1 + 0.5 * (1 + math.sqrt(0.5)))
    assert cosine(2.0, 2.0, 1.0) == 1


def test_history_has_one_record_a_step():
    history = fit(small_method(), SCENES, config(learning_rate=0.1, warmup=0.5))
    assert len(history) == 6 and not history.interrupted
    assert history["step"] == [1, 2, 3, 4, 5, 6]
    expected = [0.1 * warmup_cosine(step / 6, 0.5) for step in range(6)]
    assert history["learning_rate"] == pytest.approx(expected)
    assert set(history["chance"]) == {math.log(31)}
    seconds = history["seconds"]
    assert all(earlier < later for earlier, later in zip(seconds, seconds[1:]))
    assert "6 steps of 16 images" in repr(history)


def test_collapse_dashboard_is_measured_from_start_to_end():
    history = fit(small_method(), SCENES, config(watch=3))
    assert history.collapse["step"] == [1, 2, 4, 6]
    assert all(1 <= rank <= 16 for rank in history.collapse["effective_rank"])


def test_an_epoch_shows_every_image_once_in_a_new_order():
    method = Recorder()
    fit(method, SCENES, config(steps=None, epochs=2))
    first, second = torch.cat(method.seen[:4]), torch.cat(method.seen[4:])
    everything = SCENES.images.flatten(1).long().sum(1).sort().values
    assert torch.equal(first.sort().values, everything)
    assert torch.equal(second.sort().values, everything)
    assert not torch.equal(first, second)
    assert method.progress == pytest.approx([step / 8 for step in range(1, 9)])
    assert len(set(method.draws)) == 8, "every step draws views of its own"


def test_training_does_not_depend_on_the_global_random_state():
    methods = []
    for global_seed in (1, 2):
        method = small_method()
        torch.manual_seed(global_seed)
        fit(method, SCENES, config())
        methods.append(method)
    assert same_weights(*methods)
    other = small_method()
    fit(other, SCENES, config(seed=1))
    assert not same_weights(methods[0], other)


@pytest.mark.parametrize("optimizer", ["adamw", "sgd"])
def test_resumed_training_is_the_undisturbed_one_bit_for_bit(tmp_path, optimizer):
    recipe = config(steps=9, optimizer=optimizer, learning_rate=0.01)
    undisturbed = small_method()
    whole = fit(undisturbed, SCENES, recipe)

    path = tmp_path / "run.pt"
    resumable = TrainConfig(**{**vars(recipe), "checkpoint": path})

    def press_control_c(step, history):
        if step in (2, 6):
            os.kill(os.getpid(), signal.SIGINT)

    steps = []
    for sitting in range(3):
        method = small_method(seed=sitting)  # whatever it starts from is replaced
        if sitting == 0:
            method = small_method()
        history = fit(method, SCENES, resumable, on_step=press_control_c)
        steps.append(len(history))
    assert steps == [2, 6, 9] and not history.interrupted
    assert same_weights(undisturbed, method)
    assert history["loss"] == whole["loss"]
    assert history.collapse["step"] == whole.collapse["step"]


def test_a_finished_training_is_not_trained_again(tmp_path):
    recipe = config(checkpoint=tmp_path / "run.pt")
    method = small_method()
    fit(method, SCENES, recipe)
    again = small_method(seed=1)
    history = fit(again, SCENES, recipe)
    assert len(history) == 6 and same_weights(method, again)


def test_control_c_returns_the_history_and_restores_the_handler():
    before = signal.getsignal(signal.SIGINT)

    def press_control_c(step, history):
        if step == 3:
            os.kill(os.getpid(), signal.SIGINT)

    history = fit(small_method(), SCENES, config(), on_step=press_control_c)
    assert len(history) == 3 and history.interrupted and "interrupted" in repr(history)
    assert signal.getsignal(signal.SIGINT) is before


def test_seconds_end_the_training_and_its_schedule(monkeypatch):
    now = itertools.count(step=0.01)  # every look at the clock takes a hundredth of a second
    monkeypatch.setattr(loop.time, "monotonic", lambda: next(now))
    history = fit(small_method(), SCENES, config(steps=None, seconds=1.0))
    assert history["seconds"][-1] + 0.1 >= 1.0 and history["seconds"][-1] < 1.1
    assert history["learning_rate"][-1] < 0.1 * max(history["learning_rate"])


def test_bfloat16_trains_and_says_so():
    history = fit(small_method(), SCENES, config(steps=2, precision="bfloat16"))
    assert history.precision == "bfloat16" and all(map(math.isfinite, history["loss"]))


def test_a_loss_that_is_not_finite_stops_and_spares_the_checkpoint(tmp_path):
    path = tmp_path / "run.pt"
    method = small_method()
    fit(method, SCENES, config(checkpoint=path))
    saved = path.read_bytes()
    method.loss = lambda views: (torch.tensor(float("nan"), requires_grad=True), {})
    with pytest.raises(FloatingPointError, match="lower the learning rate"):
        fit(method, SCENES, config(checkpoint=path, resume=False))
    assert path.read_bytes() == saved


def test_weights_that_run_away_before_the_loss_does_are_named(tmp_path):
    method = Recorder()
    method.encoder.requires_grad_(True)
    method.loss = lambda views: (0 * method.encoder[-1].bias.sum(), {})
    with torch.no_grad():
        method.encoder[-1].weight.fill_(1e38)
    with pytest.raises(FloatingPointError, match="features are not finite.*lower the learning"):
        fit(method, SCENES, config(checkpoint=tmp_path / "run.pt"))
    assert not (tmp_path / "run.pt").exists()


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"steps": None}, "exactly one of steps, epochs and seconds"),
        ({"seconds": 3.0}, "exactly one"),
        ({"steps": 0}, "greater than 0"),
        ({"batch_size": 1}, "at least 2"),
        ({"learning_rate": 0.0}, "learning_rate must be > 0"),
        ({"warmup": 1.0}, r"warmup in \[0, 1\)"),
        ({"weight_decay_end": -0.1}, "start above 0 and end at 0 or above; got 0.0001 and -0.1"),
        ({"weight_decay": 0.0, "weight_decay_end": 0.1}, "start above 0"),
        ({"optimizer": "lars"}, "adamw, sgd"),
        ({"betas": (0.9, 1.0)}, r"betas must be two numbers in \[0, 1\)"),
        ({"betas": (0.9,)}, "betas must be two numbers"),
        ({"precision": "float16"}, "auto, float32, bfloat16"),
    ],
)
def test_config_refuses_what_makes_no_sense(changes, words):
    with pytest.raises(ValueError, match=words):
        config(**changes)


def test_a_batch_larger_than_the_set_is_refused():
    with pytest.raises(ValueError, match="larger than the 64 images; choose 2 to 64"):
        fit(small_method(), SCENES, config(batch_size=65))


def test_history_survives_without_checkpoint_when_the_disk_is_full(tmp_path, monkeypatch):
    def no_space(path, write):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sslcourse.train.checkpoint.write_whole", no_space)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        history = fit(small_method(), SCENES, config(checkpoint=tmp_path / "run.pt"))
    assert len(history) == 6 and "No space left" in history.unsaved
    assert any("training goes on without a checkpoint" in str(w.message) for w in caught)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_trains_where_the_images_are():
    images = ImageSet(SCENES.images, SCENES.labels, SCENES.classes).to("cuda")
    method = small_method()
    history = fit(method, images, config(precision="auto"))
    assert next(method.parameters()).is_cuda and len(history) == 6
