"""09.5, a linear probe in closed form: ridge regression onto one-hot labels."""

import torch

from sslcourse.teach.checks.behaviours import acts_like, ignores
from sslcourse.teach.checks.cases import from_reference, holds
from sslcourse.teach.checks.closed_form import (
    CALLS,
    CLASSES,
    MANY,
    ONE_MISSING,
    SHARES,
    STRENGTH,
    TEST,
    TRAIN,
    UNITS,
    call,
    changed,
    chosen_classes,
    constant_is_lost,
    everywhere,
    on_training,
    one_column,
    other_scale,
    ridge_scores,
    scores,
    sees_other_tests,
    with_n,
)
from sslcourse.teach.checks.numbers import close, differ
from sslcourse.teach.checks.task import Mistake, Task

RIDGE = (
    Mistake(
        "classes-instead-of-scores",
        "You return the chosen class of each image; its scores were asked for.",
        (
            "How many numbers should each image get?",
            "Whoever calls you takes the largest score, or compares two of them.",
            "Leave out argmax.",
        ),
        chosen_classes,
    ),
    Mistake(
        "label-numbers-fitted",
        "You fit the numbers of the labels, as if class 1 lay between class 0 and class 2.",
        (
            "What would an image be that looks a bit like class 0 and a bit like class 2?",
            "Every class needs a column of targets: 1 for its images, 0 for the others.",
            "F.one_hot(labels, classes).to(train.dtype)",
        ),
        one_column,
    ),
    Mistake(
        "training-images-scored",
        "You return the scores of the training images.",
        (
            "How many rows has your result, and how many test images are there?",
            "The weights come from training images; what they are worth, others show.",
            "return test @ weights + bias, with standardised test features.",
        ),
        lambda f: scores(f, call()).shape == (len(TRAIN), CLASSES),
    ),
    Mistake(
        "test-images-take-part",
        "A test image gets other scores when other test images stand beside it: they take part in "
        "the scale.",
        (
            "Hand over a single test image. What would its deviation be?",
            "Whatever is learned, mean and deviation too, is learned from training images.",
            "mean, std = train.mean(dim=0), train.std(dim=0), used for both.",
        ),
        sees_other_tests,
    ),
    Mistake(
        "strength-ignored",
        "Another strength gives the same scores.",
        (
            "Where does the strength stand in your code?",
            "It is added to the diagonal of the matrix that is solved.",
            "x.T @ x + strength * torch.eye(x.shape[1])",
        ),
        lambda f: scores(f, call()).shape == (len(TEST), CLASSES) and ignores(f, *CALLS),
    ),
    Mistake(
        "rows-normalised-instead",
        "You bring each image's features to length 1, before or instead of standardising: an "
        "image that is multiplied by 3 gets the same scores.",
        (
            "Which numbers does the task standardise, those of an image or those of a feature?",
            "F.normalize(x, dim=1) works within an image, and lengths are lost with it.",
            "x = (train - train.mean(dim=0)) / train.std(dim=0), and test with the same numbers.",
        ),
        lambda f: not changed(f, TRAIN, 3 * TEST) and changed(f, TRAIN, TEST + 5),
    ),
    Mistake(
        "features-not-centred",
        "When 5 is added to a feature of all images, your scores change: the features aren't "
        "centred.",
        (
            "Which mean has each feature over the training images?",
            "Only around mean 0 do weights and bias not disturb each other.",
            "x = (train - mean) / std, t = (test - mean) / std.",
        ),
        lambda f: changed(f, TRAIN + 5, TEST + 5),
    ),
    Mistake(
        "features-not-scaled",
        "When a feature of all images is given in another unit, your scores change: the strength "
        "holds back small features more than large ones.",
        (
            "Multiply one column of both sets by 10. What should become of the scores?",
            "Each feature should have deviation 1 over the training images.",
            "Divide by train.std(dim=0), training and test features alike.",
        ),
        lambda f: changed(f, TRAIN * UNITS, TEST * UNITS),
    ),
    Mistake(
        "bias-forgotten",
        "Over the training images the scores of every class have mean 0: the bias is missing.",
        (
            "Which score should an image get whose features are all average?",
            "A class with more images deserves more: its share.",
            "targets.mean(dim=0) is subtracted before, and added to the scores afterwards.",
        ),
        lambda f: close(on_training(f, STRENGTH), torch.zeros(CLASSES)),
    ),
    Mistake(
        "bias-held-back",
        "The stronger the ridge, the smaller your bias: a column of ones is punished like a "
        "feature.",
        (
            "What should remain of the scores when the strength is huge?",
            "The shares of the classes. The ridge holds back weights, not the bias.",
            "Subtract targets.mean(dim=0) first and add it afterwards, without a column of ones.",
        ),
        lambda f: close(on_training(f, 1e-3), SHARES) and differ(on_training(f, STRENGTH), SHARES),
    ),
    Mistake(
        "strength-in-every-entry",
        "The strength is added to all entries of the matrix; that ties the features together.",
        (
            "Print the matrix before and after the strength is added.",
            "Only the square of each weight itself is punished.",
            "strength * torch.eye(x.shape[1]): the diagonal.",
        ),
        lambda f: acts_like(f, everywhere, *CALLS),
    ),
    Mistake(
        "strength-on-another-scale",
        "Your strength is multiplied or divided by something, the number of images perhaps.",
        (
            "Which sum does the strength stand beside: a sum of squares, or their mean?",
            "Minimise sum of squared errors + strength * sum of squared weights.",
            "torch.linalg.solve(x.T @ x + strength * torch.eye(D), x.T @ (targets - bias))",
        ),
        other_scale,
    ),
    Mistake(
        "constant-feature-divided-by-zero",
        "A feature that is the same for all training images has deviation 0, and spoils all your "
        "scores.",
        (
            "What is 0 / 0?",
            "Few labels make it likely that a unit never fires.",
            "Replace a deviation of 0 by 1: torch.where(std > 0, std, 1).",
        ),
        lambda f: scores(f, call()).isfinite().all() and constant_is_lost(f),
    ),
)

TASKS = (
    Task(
        "09.5",
        "a linear probe in closed form",
        "ridge_scores(train, labels, test, classes, *, strength)",
        "Training features (N, D) with labels int64 (N,), test features (M, D), and how many "
        "classes there are. Standardise with the training images' mean and deviation; a constant "
        "feature is only centred. Return the scores (M, classes) of the linear layer that "
        "minimises the sum of squared errors to one-hot targets + strength * the sum of squared "
        "weights; the bias is not held back.",
        CALLS[0],
        (
            *from_reference(
                ridge_scores,
                *CALLS,
                MANY,
                ONE_MISSING,
                names="train labels test classes",
                also=with_n,
            ),
            holds(
                "invariance",
                "a test image must get the same scores whatever stands beside it.",
                lambda f: not sees_other_tests(f),
            ),
            holds(
                "invariance",
                "a feature that is constant over the training images must not spoil the scores.",
                lambda f: not constant_is_lost(f),
            ),
        ),
        RIDGE,
    ),
)
