"""Where no mistake is known, a check says what a wrong result has to do with the right one."""

import pytest
import torch
import torch.nn.functional as F

from sslcourse.evaluate.attention import threshold_mass
from sslcourse.methods.moco import info_nce_loss
from sslcourse.methods.simclr import nt_xent_loss
from sslcourse.networks.patches import unpatchify
from sslcourse.teach.checks import check
from sslcourse.teach.checks.relations import RELATIONS

CASES = []


@pytest.fixture(autouse=True, scope="module")
def no_progress():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSLCOURSE_PROGRESS", "off")
        yield


def gives(key: str, relation: str, words: str):
    """Collect a wrong function, the relation that is to be told of it, and a part of the text."""

    def collect(function):
        CASES.append(pytest.param(key, relation, words, function, id=f"{key} {relation}"))
        return function

    return collect


def normalised(z):
    return F.normalize(z, dim=1)


@gives("06.1", "dimensions-exchanged", ".permute(0, 2, 1) of yours is right")
def columns_of_patches(images, patch_size):
    return (
        F.unfold(images, patch_size, stride=patch_size)
        .reshape(
            len(images),
            images.shape[1],
            -1,
            F.unfold(images, patch_size, stride=patch_size).shape[2],
        )
        .permute(0, 2, 1, 3)
        .flatten(1, 2)
    )


@gives("04.1", "not-reduced", ".mean() of your result is right")
def loss_of_each(queries, keys, negatives, *, temperature):
    losses = [
        info_nce_loss(queries[i : i + 1], keys[i : i + 1], negatives, temperature=temperature)
        for i in range(len(queries))
    ]
    return torch.stack(losses)


@gives("08.2", "dimension-of-size-one", "A dimension of size 1 is missing")
def flat_center(center, scores, momentum):
    return (momentum * center[0] + (1 - momentum) * scores.mean(dim=0)).detach()


@gives("03.2", "another-number-of-results", "one tensor; expected were 2 tensors")
def whole(encoder, first, second):
    return encoder(torch.cat([first, second]))


@gives("01.3", "another-size", "Dimension 0 has 3 entries instead of 4. The first 3")
@torch.no_grad()
def last_dropped(encoder, images):
    features = encoder.eval()(images)
    return features[:-1] if len(features) > 1 else features


@gives("06.1", "works-for-some-inputs-only", "stops with an error for images (1, 3, 6, 12)")
def square_only(images, patch_size):
    n, c, h, _ = images.shape
    side = h // patch_size
    x = images.reshape(n, c, side, patch_size, side, patch_size)
    return x.permute(0, 2, 4, 3, 5, 1).reshape(n, side * side, -1)


@gives("11.3", "another-kind-of-numbers", "where bool numbers were expected")
def weights_kept(maps, share):
    return maps * threshold_mass(maps, share)


@gives("03.1", "another-function-of-it", "Your result is the square of what it should be.")
def squared(z1, z2, *, temperature):
    return nt_xent_loss(z1, z2, temperature=temperature) ** 2


@gives("01.5", "in-another-order", "Every row is there, but not in its place")
def rows_sorted_by_turn(images, quarters):
    turned = [torch.rot90(x, int(q), (1, 2)) for x, q in zip(images, quarters)]
    return torch.stack([turned[i] for i in quarters.argsort(stable=True)])


@gives("06.2", "right-but-for-some", "Wrong is row 1; the others are right.")
def first_picture_for_all(patches, patch_size):
    pictures = unpatchify(patches, patch_size)
    return pictures[:1].expand_as(pictures)


@gives("01.3", "another-invariance", "stays the same when `images` is multiplied by -1")
@torch.no_grad()
def without_sign(encoder, images):
    return encoder.eval()(images.abs())


@gives("01.3", "rows-influence-each-other", "it should depend on its own row alone")
@torch.no_grad()
def largest_of_the_batch(encoder, images):
    features = encoder.eval()(images)
    return features * (features == features.amax()).any(dim=0)


@gives("03.1", "gradient-cut-in-part", "not the gradient of `z1`")
def one_side_detached(z1, z2, *, temperature):
    z = normalised(torch.cat([z1, z2]))
    logits = (z @ z.detach().T / temperature).fill_diagonal_(-torch.inf)
    return F.cross_entropy(logits, torch.arange(len(z)).roll(len(z1)))


@gives("03.4", "length-is-detached", "would change the lengths of its rows")
def length_detached(z):
    return z / z.norm(dim=1, keepdim=True).detach()


@gives("07.6", "gradient-does-not-arrive", "no gradient arrives at `mask_token`")
def token_copied(patches, mask, mask_token):
    return torch.where(mask[:, :, None], mask_token.detach(), patches)


@gives("02.5", "gradient-not-finite", "The gradient of `z1` is inf or nan")
def roots_squared(z1, z2):
    a, b = normalised(z1), normalised(z2)
    apart = []
    for x in (a, b):
        squares = (x[:, None] - x[None]).square().sum(dim=2).sqrt() ** 2
        others = ~torch.eye(len(x), dtype=torch.bool)
        apart.append((-2 * squares[others]).exp().mean().log())
    return (a - b).square().sum(dim=1).mean() + sum(apart) / 2


@pytest.mark.parametrize(("key", "relation", "words", "function"), CASES)
def test_a_relation_is_told(key, relation, words, function):
    report = check(key, function)
    assert report.mistake == relation, report
    assert words in report.diagnosis and len(report.hints) == 3


def test_relations_have_ids_and_three_hints():
    for stage in RELATIONS.values():
        for relation in stage:
            assert len(relation.hints) == 3 and all(hint.strip() for hint in relation.hints)
            assert relation.id == relation.id.lower() and " " not in relation.id
