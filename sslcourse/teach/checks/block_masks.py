"""07.1, a mask of blocks: what a batch of masks looks like says what is wrong."""

import torch

from sslcourse.teach.checks.block_looks import (
    GRID,
    MASKED,
    counts,
    generator_ignored,
    in_one_part,
    inverted,
    masks,
    one_direction,
    one_size,
    squares_of_one_size,
    togetherness,
)
from sslcourse.teach.checks.cases import holds
from sslcourse.teach.checks.random_masks import seeded_anew
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

ANEW = seeded_anew(4, GRID, MASKED)

BLOCKS = (
    Mistake(
        "too-many-hidden",
        "Some of your masks hide more patches than allowed.",
        (
            "Print the largest mask.sum(dim=1).",
            "A block counts only where it still fits into what is left.",
            "Skip a block that would hide more than masked - mask.sum() new patches. If you try it "
            "on a copy: mask[i].clone(), for mask[i] is the mask itself.",
        ),
        lambda f: bool((counts(f) > MASKED).any()) and not inverted(f),
    ),
    Mistake(
        "mask-inverted",
        "Your masks hide what should stay visible: True means hidden.",
        (
            "How many patches should be True?",
            "At most `masked` of them, and nearly as many on average.",
            "Return the blocks themselves, not ~mask.",
        ),
        inverted,
    ),
    Mistake(
        "empty-mask",
        "Some of your masks hide nothing: the loss would be a mean over no patch, which is not a "
        "number.",
        (
            "Print the smallest mask.sum(dim=1).",
            "Blocks that don't fit must be drawn again.",
            "Go on until about `masked` patches are hidden.",
        ),
        lambda f: bool((counts(f) == 0).any()),
    ),
    Mistake(
        "same-mask-for-all",
        "All images hide the same blocks.",
        (
            "Compare two masks of a batch.",
            "Each image draws blocks of its own.",
            "Loop over the images, or draw n numbers at once.",
        ),
        lambda f: len(masks(f).unique(dim=0)) == 1,
    ),
    Mistake(
        "rows-instead-of-blocks",
        "You hide whole rows or columns: a block has a height and a width.",
        (
            "Show a mask as a picture. Which shapes do you see?",
            "A block has a random aspect between 0.3 and 1 / 0.3.",
            "mask[top : top + height, left : left + width] = True",
        ),
        lambda f: one_direction(masks(f)),
    ),
    Mistake(
        "scattered-patches",
        "Hidden patches are scattered: each can be guessed from its neighbours.",
        (
            "Show a mask as a picture. Where do hidden patches stand?",
            "BEiT hides rectangles, not single patches.",
            "Draw a block's height, width and place, and hide all of it.",
        ),
        lambda f: togetherness(masks(f)) < 0.2,
    ),
    Mistake(
        "too-few-hidden",
        "Your masks hide far fewer patches than wanted.",
        (
            "Print the mean of mask.sum(dim=1).",
            "One block is not enough; where blocks overlap, a patch counts once.",
            "Add blocks until about `masked` patches are hidden: look at mask.sum(), not at the "
            "areas of the blocks.",
        ),
        lambda f: float(counts(f).float().mean()) < 0.87 * MASKED,
    ),
    Mistake(
        "always-one-block",
        "Every image hides one rectangle of one size: all that stands elsewhere is always seen.",
        (
            "Show some masks as pictures. In what do they differ?",
            "Blocks have random sizes and shapes, and an image gets several.",
            "Draw height and width anew for each block, until about `masked` patches are hidden.",
        ),
        lambda f: one_size(masks(f)),
    ),
    Mistake(
        "squares-of-one-size",
        "Your blocks are squares of one size: a hidden patch always has the same neighbours with "
        "it, and its content can be read off beside it.",
        (
            "Show some masks as pictures. Which sizes do your blocks have?",
            "Blocks have random sizes and shapes: some wide, some high.",
            "Draw height and width anew for each block.",
        ),
        lambda f: squares_of_one_size(masks(f)),
    ),
    Mistake(
        "always-in-one-part",
        "A quarter of the picture, or a row or column of it, is hardly ever hidden: your blocks "
        "don't lie everywhere.",
        (
            "Add up many masks and show the sum as a picture. Where are the blocks?",
            "Draw the place of a block as well as its size.",
            "top = torch.randint(0, grid - height + 1, ()), and left in the same way with width",
        ),
        lambda f: in_one_part(masks(f)),
    ),
    Mistake(
        "generator-ignored",
        "The generator that is handed in doesn't decide your masks alone: some random call doesn't "
        "get it, or it is seeded anew.",
        (
            "Where does your randomness come from?",
            "A generator that is handed over should decide, in each random call.",
            "torch.rand(…, generator=generator), torch.randint(…, generator=generator)",
        ),
        generator_ignored,
    ),
    ANEW,
)


def good_blocks(f: Attempt) -> bool:
    later = (generator_ignored, ANEW.shows)
    return not any(m.shows(f) for m in BLOCKS if m.shows not in later)


TASKS = (
    Task(
        "07.1",
        "a mask of blocks",
        "my_block_mask(n, grid, masked, *, generator=None)",
        "Return bool (n, grid * grid), True = hidden: rectangles of random size and place, other "
        "ones in each image, that hide at most `masked` patches together and close to that on "
        "average; drawn by the generator where one is given.",
        given(2, GRID, MASKED),
        (
            holds(
                "shape",
                "expected a mask (n, grid * grid), (2, 64) for n = 2 and grid = 8.",
                lambda f: f(2, GRID, MASKED).shape == (2, GRID**2),
            ),
            holds(
                "dtype",
                "expected bool numbers, True = hidden.",
                lambda f: f(2, GRID, MASKED).dtype == torch.bool,
            ),
            holds(
                "value",
                "each image of an 8x8 grid with masked = 25 must hide rectangles of its own, at "
                "most 25 patches together and close to that on average.",
                good_blocks,
            ),
            holds(
                "invariance",
                "generators of one seed must give one mask, and those of another seed another.",
                lambda f: not generator_ignored(f),
            ),
            holds(
                "invariance",
                "each call must give other masks.",
                lambda f: not ANEW.shows(f),
            ),
        ),
        BLOCKS,
    ),
)
