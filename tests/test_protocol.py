"""The protocol: who learns from what, and that no choice looks at a test image."""

import pytest
import torch
from torch import nn

from sslcourse.data import load
from sslcourse.data.images import ImageSet
from sslcourse.evaluate import (
    few_labels,
    fine_tune,
    frozen_scores,
    knn_accuracy,
    linear_probe,
    pixels,
    probe_few,
    protocol,
    tuned_scores,
)
from sslcourse.evaluate.protocol import RATES, label_counts, split_images
from sslcourse.networks import resnet


class Untrained:
    """In the place of what fine-tuning finds."""

    accuracy = 0.0


TRAIN, TEST = load("scenes", limit=400), load("scenes", "test", limit=100)
IMAGES = split_images(TRAIN, TEST)


def keys(images: ImageSet) -> set[int]:
    """One number for each image; scenes differ."""
    weights = torch.arange(1, images.images[0].numel() + 1)
    return set((images.images.flatten(1).long() * weights).sum(1).tolist())


def test_a_fifth_is_set_aside_and_always_the_same_one():
    assert (len(IMAGES.learn), len(IMAGES.choose)) == (320, 80)
    assert not keys(IMAGES.learn) & keys(IMAGES.choose)
    assert keys(IMAGES.learn) | keys(IMAGES.choose) == keys(TRAIN)
    assert IMAGES.train is TRAIN and IMAGES.test is TEST
    again = split_images(TRAIN, TEST)
    assert torch.equal(again.learn.images, IMAGES.learn.images)


def test_frozen_scores_are_the_probe_and_the_neighbours():
    train, test = pixels(TRAIN.subset(400, 0)), pixels(TEST)
    labels = TRAIN.subset(400, 0).labels
    assert frozen_scores(None, IMAGES) == {
        "probe, 400 labels": linear_probe(train, labels, test, TEST.labels).accuracy,
        "k-NN": knn_accuracy(train, labels, test, TEST.labels, k=20),
    }


def test_features_of_the_test_images_that_are_known_are_not_taken_again(monkeypatch):
    expected = frozen_scores(None, IMAGES), probe_few(None, IMAGES, 3)
    taken, take = [], protocol.features_of
    monkeypatch.setattr(
        protocol, "features_of", lambda encoder, part: taken.append(part) or take(encoder, part)
    )
    known = pixels(TEST)
    assert (frozen_scores(None, IMAGES, known), probe_few(None, IMAGES, 3, 0, known)) == expected
    assert len(taken) == 2 and not any(part is TEST for part in taken)
    assert frozen_scores(None, IMAGES, known.flip(0)) != expected[0], "they are what is tested"


def test_a_probe_with_few_labels_gets_those_of_fine_tuning():
    few = TRAIN[few_labels(TRAIN.labels, 3, seed=7)]
    expected = linear_probe(pixels(few), few.labels, pixels(TEST), TEST.labels).accuracy
    assert probe_few(None, IMAGES, 3, seed=7) == expected
    encoder = nn.Sequential(nn.Flatten())
    encoder.width_out = 3 * 32 * 32
    assert probe_few(encoder, IMAGES, 3, seed=7) == pytest.approx(expected, abs=0.011)


def test_a_probe_with_all_labels_gets_every_training_image():
    train = IMAGES.train
    expected = linear_probe(pixels(train), train.labels, pixels(TEST), TEST.labels).accuracy
    assert probe_few(None, IMAGES, None) == expected
    assert probe_few(None, IMAGES, 3) != expected


def test_rates_are_chosen_on_images_set_aside_and_the_test_is_looked_at_once(monkeypatch):
    calls = []

    class Result:
        accuracy = 0.0

    def note(encoder, learn, test, *, labels_per_class, learning_rate, **rest):
        calls.append((learn, test, labels_per_class, learning_rate))
        result = Result()
        # the lowest rate wins with 10 labels, the highest with 100
        sign = -1 if labels_per_class == 10 else 1
        result.accuracy = sign * learning_rate
        return result

    monkeypatch.setattr(protocol, "fine_tune", note)
    tuned_scores(nn.Identity(), IMAGES)
    choices = [call for call in calls if call[1] is not TEST]
    assert [call[3] for call in choices] == [*RATES, *RATES]
    assert all(call[0] is IMAGES.learn and call[1] is IMAGES.choose for call in choices)
    final = [call[2:] for call in calls if call[1] is TEST]
    assert final == [(10, min(RATES)), (100, max(RATES)), (None, max(RATES))]
    assert all(call[0] is TRAIN for call in calls if call[1] is TEST)


def test_fine_tuning_takes_the_precision_that_is_faster_here(monkeypatch):
    taken = []
    monkeypatch.setattr(
        protocol, "fine_tune", lambda *_, precision, **rest: taken.append(precision) or Untrained()
    )
    protocol.tuned_accuracy(nn.Identity(), TRAIN, TEST, 10, 1e-3)
    assert taken == ["auto"]


def test_counts_of_labels_that_a_class_lacks_are_left_out():
    assert label_counts(IMAGES) == [1, 10]
    small = TRAIN[few_labels(TRAIN.labels, 4)]
    assert label_counts(split_images(small, TEST)) == [1]


def test_what_cannot_be_compared_is_one_sentence():
    with pytest.raises(ValueError, match="only 4 training images, and a fifth .* add images, at l"):
        split_images(TRAIN[:4], TEST)
    with pytest.raises(ValueError, match="vote with 20 training images, and there are only 15"):
        label_counts(split_images(TRAIN[:15], TEST))
    without = TRAIN[TRAIN.labels != 3]
    name = TRAIN.classes[3]
    with pytest.raises(ValueError, match=f"class '{name}' has no labelled image to learn from"):
        label_counts(split_images(without, TEST))
    with pytest.raises(ValueError, match=f"class '{name}' has no labelled image to learn from"):
        fine_tune(resnet(8, 1), without, TEST, labels_per_class=1)
    with pytest.raises(ValueError, match="must be 1 to"):
        few_labels(TRAIN.labels, 400, classes=TRAIN.classes)
