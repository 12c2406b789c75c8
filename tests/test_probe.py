"""Probes against scikit-learn and slow loops; they never learn from the test images."""

import math

import pytest
import torch
from sklearn.linear_model import LogisticRegression

from sslcourse.data import Augment, ImageSet, load
from sslcourse.evaluate import (
    extract_features,
    few_labels,
    fine_tune,
    knn_accuracy,
    linear_probe,
)
from sslcourse.networks import resnet


def clusters(count: int, seed: int, spread: float = 1.0) -> tuple[torch.Tensor, torch.Tensor]:
    """Five overlapping clouds in 12 dimensions, on unequal scales."""
    centres = torch.randn(5, 12, generator=torch.Generator().manual_seed(99))
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 5
    features = centres[labels] + spread * torch.randn(count, 12, generator=generator)
    return features * torch.logspace(-2, 2, 12) + 3, labels


def test_linear_probe_agrees_with_scikit_learn():
    (train, labels), (test, test_labels) = clusters(400, 0), clusters(500, 1)
    result = linear_probe(train, labels, test, test_labels, weight_decays=(0.01,))
    mean, std = train.mean(0), train.std(0)
    # their objective is the sum of losses + |W|² / (2C), ours their mean + wd/2 |W|²
    theirs = LogisticRegression(C=1 / (0.01 * 400), tol=1e-6, max_iter=1000)
    theirs.fit(((train - mean) / std).numpy(), labels.numpy())
    predictions = torch.from_numpy(theirs.predict(((test - mean) / std).numpy()))
    assert (predictions == result.predictions).float().mean() > 0.995
    accuracy = (predictions == test_labels).float().mean().item()
    assert result.accuracy == pytest.approx(accuracy, abs=0.004)


def test_linear_probe_never_learns_from_the_test_images():
    """Labels that have nothing to do with the features: a probe can memorise, but not know."""
    generator = torch.Generator().manual_seed(0)
    train, test = torch.randn(2, 200, 300, generator=generator)
    labels, test_labels = torch.randint(0, 4, (2, 200), generator=generator)
    result = linear_probe(train, labels, test, test_labels, weight_decays=(1e-4,))
    assert result.train_accuracy == 1.0
    assert result.accuracy < 0.4
    other = linear_probe(train, labels, test, test_labels.flip(0), weight_decays=(1e-4,))
    assert torch.equal(result.predictions, other.predictions), "test labels change no prediction"
    half = linear_probe(train, labels, test[:100], test_labels[:100], weight_decays=(1e-4,))
    assert torch.equal(half.predictions, result.predictions[:100]), "nor do other test images"


def test_regularisation_is_chosen_by_held_out_training_images():
    """Against a loop over a split of our own, on features where the choice matters."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(1000) % 2
    noise = torch.randn(1000, 700, generator=generator)
    noise[:, :10] += 0.6 * labels[:, None]
    order = torch.randperm(1000, generator=torch.Generator().manual_seed(0))
    held, kept = order.tensor_split([200])
    mean, std = noise.mean(0), noise.std(0)
    features = (noise - mean) / std
    scores = {
        weight_decay: linear_probe(
            features[kept],
            labels[kept],
            features[held],
            labels[held],
            weight_decays=(weight_decay,),
        ).accuracy
        for weight_decay in (1.0, 0.1, 0.01, 0.001, 0.0001)
    }
    assert max(scores.values()) - min(scores.values()) > 0.05, "the choice matters here"
    chosen = linear_probe(noise, labels, noise, labels).weight_decay
    assert scores[chosen] >= max(scores.values()) - 0.011  # two of the 200 held-out images


def test_test_images_have_no_say_in_the_regularisation():
    """Test labels for which weak regularisation would do best: each test image is a training image.

    Strong regularisation is right for the held-out images, since only noise is there to learn.
    """
    generator = torch.Generator().manual_seed(1)
    train, labels = torch.randn(200, 300, generator=generator), torch.arange(200) % 2
    chosen = linear_probe(train, labels, train, labels).weight_decay
    for other, other_labels in ((train[:50], labels[:50]), (train.flip(1), 1 - labels)):
        assert linear_probe(train, labels, other, other_labels).weight_decay == chosen


def test_a_feature_that_never_changes_in_training_is_left_out():
    (train, labels), (test, test_labels) = clusters(200, 0), clusters(100, 1)
    usual = linear_probe(train, labels, test, test_labels).accuracy
    constant = torch.full((len(train), 1), 0.7)
    moved = 0.7 + 0.01 * torch.randn(len(test), 1, generator=torch.Generator().manual_seed(0))
    with_it = linear_probe(
        torch.cat([train, constant], 1), labels, torch.cat([test, moved], 1), test_labels
    )
    assert with_it.accuracy == pytest.approx(usual, abs=0.02)


def test_probes_take_what_learners_have():
    (train, labels), (test, test_labels) = clusters(100, 0), clusters(50, 1)
    usual = linear_probe(train, labels, test, test_labels).accuracy
    for given in (labels.numpy(), labels.int(), labels.tolist()):
        assert linear_probe(train, given, test, test_labels).accuracy == usual
    assert linear_probe(train.clone().requires_grad_(), labels, test, test_labels).accuracy == usual
    with torch.autocast("cpu", torch.bfloat16):
        assert linear_probe(train, labels, test, test_labels).accuracy == usual
    with torch.inference_mode():
        assert linear_probe(train.clone(), labels, test, test_labels).accuracy == usual
    with pytest.raises(ValueError, match="whole numbers"):
        linear_probe(train, labels.float(), test, test_labels)
    for options in ({"weight_decays": ()}, {"held_out": 1.0}):
        with pytest.raises(ValueError, match="at least one weight decay and held_out"):
            linear_probe(train, labels, test, test_labels, **options)


def test_linear_probe_leaves_its_inputs_and_the_random_state_alone():
    (train, labels), (test, test_labels) = clusters(100, 0), clusters(50, 1)
    copy, state = train.clone(), torch.random.get_rng_state()
    first = linear_probe(train, labels, test, test_labels)
    assert torch.equal(train, copy) and torch.equal(torch.random.get_rng_state(), state)
    assert linear_probe(train, labels, test, test_labels).accuracy == first.accuracy


def test_nearest_neighbours_agree_with_a_loop():
    (train, labels), (test, test_labels) = clusters(60, 0), clusters(25, 1)
    k, temperature, correct = 7, 0.07, 0
    for row, label in zip(test, test_labels, strict=True):
        cosines = [(torch.dot(row, t) / (row.norm() * t.norm())).item() for t in train]
        nearest = sorted(range(60), key=lambda i: -cosines[i])[:k]
        votes = [0.0] * 5
        for i in nearest:
            votes[labels[i]] += math.exp(cosines[i] / temperature)
        correct += votes.index(max(votes)) == label
    accuracy = knn_accuracy(train, labels, test, test_labels, k=k, temperature=temperature)
    assert accuracy == pytest.approx(correct / 25)


def test_an_image_is_its_own_nearest_neighbour():
    train, labels = clusters(60, 0)
    assert knn_accuracy(train, labels, train, labels, k=1) == 1.0


def test_probes_refuse_what_does_not_fit():
    (train, labels), (test, test_labels) = clusters(20, 0), clusters(10, 1)
    for probe in (linear_probe, knn_accuracy):
        with pytest.raises(ValueError, match="one class only"):
            probe(train, labels * 0, test, test_labels)
        with pytest.raises(ValueError, match=r"features \(N, D\) and labels \(N,\)"):
            probe(train, labels[:5], test, test_labels)
        with pytest.raises(ValueError, match="width 12 .* test features 6"):
            probe(train, labels, test[:, :6], test_labels)
        with pytest.raises(ValueError, match="not finite"):
            probe(train / 0, labels, test, test_labels)
        with pytest.raises(ValueError, match="no labels"):
            probe(train, labels - 1, test, test_labels)
    with pytest.raises(ValueError, match="k must be 1 to 20"):
        knn_accuracy(train, labels, test, test_labels, k=21)
    with pytest.raises(ValueError, match="temperature greater than 0"):
        knn_accuracy(train, labels, test, test_labels, k=3, temperature=0)


def brightness_set(count: int, seed: int) -> ImageSet:
    """Three classes that differ in brightness, so that a few steps suffice."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % 3
    noise = torch.randint(0, 60, (count, 3, 16, 16), generator=generator)
    images = (noise + 90 * labels[:, None, None, None]).clamp(max=255).to(torch.uint8)
    return ImageSet(images, labels, ("dark", "middle", "bright"))


def test_fine_tuning_learns_and_leaves_the_encoder_alone():
    torch.manual_seed(0)
    encoder = resnet(8, (1, 1))
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    state = torch.random.get_rng_state()
    train, test = brightness_set(60, 0), brightness_set(60, 1)
    result = fine_tune(encoder, train, test, labels_per_class=10, steps=30)
    assert result.accuracy > 0.9
    moved = result.encoder.state_dict()
    assert any(not torch.equal(value, moved[name]) for name, value in before.items())
    assert extract_features(result.encoder, test).shape == (60, encoder.width_out)
    assert all(torch.equal(before[name], value) for name, value in encoder.state_dict().items())
    assert encoder.training and torch.equal(torch.random.get_rng_state(), state)
    again = fine_tune(encoder, train, test, labels_per_class=10, steps=30)
    assert torch.equal(result.predictions, again.predictions)


def test_few_labels_are_balanced_distinct_and_drawn_by_the_seed():
    labels = torch.arange(300) % 10
    chosen = few_labels(labels, 7)
    assert labels[chosen].bincount().tolist() == [7] * 10
    assert len(chosen.unique()) == 70
    assert torch.equal(chosen, few_labels(labels, 7))
    assert not torch.equal(chosen, few_labels(labels, 7, seed=1))
    with pytest.raises(ValueError, match="labels_per_class must be 1 to 30"):
        few_labels(labels, 31)


def test_fine_tuning_refuses_what_cannot_train():
    encoder, images = resnet(8, (1,)), brightness_set(9, 0)
    unlabelled = ImageSet(images.images, images.labels * 0 - 1, images.classes)
    with pytest.raises(ValueError, match="two labelled images"):
        fine_tune(encoder, unlabelled, images)
    with pytest.raises(ValueError, match="batch_size 1"):
        fine_tune(encoder, images, images, batch_size=1)


def test_fine_tuning_uses_the_views_it_is_given():
    """Views that are all black leave nothing to learn."""

    class Black(Augment):
        def __call__(self, images, generator=None):
            return super().__call__(images, generator) * 0

    train, test = brightness_set(60, 0), brightness_set(60, 1)
    torch.manual_seed(0)
    result = fine_tune(resnet(8, (1,)), train, test, steps=10, augment=Black())
    assert result.accuracy == pytest.approx(1 / 3, abs=0.01)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": 0}, "steps and seconds must be greater than 0"),
        ({"seconds": -5.0}, "steps and seconds must be greater than 0"),
    ],
)
def test_fine_tuning_never_runs_for_ever(options, words):
    scenes = load("scenes", limit=40)
    with pytest.raises(ValueError, match=words):
        fine_tune(resnet(8, 1), scenes, scenes, **options)


def test_fine_tuning_needs_labels():
    scenes = load("scenes", limit=40)
    unlabelled = ImageSet(scenes.images, torch.full_like(scenes.labels, -1), scenes.classes)
    with pytest.raises(ValueError, match="none of the images has a label"):
        fine_tune(resnet(8, 1), unlabelled, scenes, labels_per_class=2)
    with pytest.raises(ValueError, match="some test images have no label"):
        fine_tune(resnet(8, 1), scenes, unlabelled)
