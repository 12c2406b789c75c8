"""06.1 and 06.2: pictures into patches and back."""

from collections.abc import Callable

import torch
from einops import rearrange

from sslcourse.networks.patches import patchify, unpatchify
from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close
from sslcourse.teach.checks.task import Attempt, Mistake, Task, given

# every pixel is its own number, so each order can be read off
PICTURE = torch.arange(2 * 3 * 4 * 4.0).view(2, 3, 4, 4)

SMALL = torch.arange(2 * 4 * 4.0).view(1, 2, 4, 4)

CUT, BACK = given(PICTURE, 2), given(patchify(PICTURE, 2), 2)

CUT_PATTERN, JOIN_PATTERN = (
    '"n c (r p) (k q) -> n (r k) (p q c)"',
    '"n (r k) (p q c) -> n c (r p) (k q)"',
)

CHANNEL_FIRST = "n c (r p) (k q) -> n (r k) (c p q)"

COLUMNS_FIRST = "n c (r p) (k q) -> n (k r) (p q c)"

TURNED = "n c (r p) (k q) -> n (r k) (q p c)"

GRIDDED = "n c (p r) (q k) -> n (r k) (p q c)"


def cuts(*patterns: str):
    """Whether patches are cut in one of these orders."""
    return lambda f: any(
        acts_like(f, lambda x, p, order=order: rearrange(x, order, p=p, q=p), CUT)
        for order in patterns
    )


def joins(*patterns: str):
    """Whether patches are put together as if they had been cut in one of these orders."""

    def shows(f: Attempt) -> bool:
        for order in patterns:
            before, after = order.split(" -> ")
            sizes = {"p": 2, "q": 2, "r": 2, "k": 2}
            found = f(*BACK.args)
            if close(found, rearrange(BACK.args[0], f"{after} -> {before}", **sizes)):
                return True
        return False

    return shows


def order_mistakes(shows: Callable, verb: str, pattern: str) -> tuple[Mistake, ...]:
    """The wrong orders, for cutting and for putting together; the pattern is the right one."""
    return (
        Mistake(
            "channel-first-inside-a-patch",
            f"You {verb} patches whose values are ordered channel, row, column; here the channel "
            "comes last.",
            (
                "In which order do the values of a pixel's three channels stand?",
                "Side by side: row, column, channel.",
                f"With einops: {pattern}; with permute the channel comes last.",
            ),
            shows(CHANNEL_FIRST),
        ),
        Mistake(
            "patches-column-by-column",
            f"You {verb} the patches from top to bottom; they are counted row by row.",
            (
                "Where is patch 1 in the picture: right of patch 0, or below?",
                "Patches are read like text.",
                f"With einops: {pattern}, where r are the rows of patches and k the columns.",
            ),
            shows(COLUMNS_FIRST),
        ),
        Mistake(
            "patches-turned",
            f"Rows and columns are exchanged inside the patches that you {verb}.",
            (
                "Follow one pixel: which is its place inside its patch?",
                "A patch is read row by row, like the picture.",
                f"With einops: {pattern}, where p runs down and q to the right.",
            ),
            shows(TURNED, "n c (r p) (k q) -> n (k r) (q p c)"),
        ),
        Mistake(
            "patches-of-distant-pixels",
            "A patch holds pixels that are far from each other: the sides were split the wrong "
            "way.",
            (
                "Which pixels belong to the patch in the top left corner?",
                "A side of H pixels is (rows, P): the place inside the patch changes fastest.",
                f"Split H into (H / P, P), not into (P, H / P). With einops: {pattern}",
            ),
            shows(GRIDDED),
        ),
    )


def squares_are_mixed(f: Attempt) -> bool:
    """Whether some patch doesn't hold the pixels of a square, in whatever order."""
    if f(*CUT.args).shape != BACK.args[0].shape:
        return False
    found, right = (x.sort(dim=2).values.flatten(0, 1) for x in (f(*CUT.args), BACK.args[0]))
    return not {tuple(x.tolist()) for x in found} <= {tuple(x.tolist()) for x in right}


CUTTING = (
    *order_mistakes(cuts, "cut", CUT_PATTERN),
    Mistake(
        "only-reshaped",
        "Your patches are no squares of the picture: pixels of several squares are mixed in one.",
        (
            "Which pixels are neighbours in memory?",
            "reshape alone never moves a number; patches need a permutation of axes.",
            f"Split H and W, then bring the axes of a patch together. With einops: {CUT_PATTERN}",
        ),
        squares_are_mixed,
    ),
)

JOINING = (
    *order_mistakes(joins, "put together", JOIN_PATTERN),
    Mistake(
        "only-reshaped",
        "The pixels of a patch don't make a square: the axes of the grid and those within a patch "
        "are not brought beside each other before the last reshape.",
        (
            "Put the patches of a picture with one dark corner together. What do you see?",
            "reshape never moves a number; grid rows and patch rows must stand side by side.",
            f"Go the steps of patchify backwards. With einops: {JOIN_PATTERN}",
        ),
        lambda f: (
            close(f(*BACK.args), BACK.args[0].reshape(2, 3, 4, 4))
            or close(f(*BACK.args), BACK.args[0].reshape(2, 4, 4, 3).permute(0, 3, 1, 2))
        ),
    ),
    Mistake(
        "kept-in-0-to-1",
        "Numbers above 1 or below 0 are cut off; patches may hold anything, such as normalised "
        "pixels.",
        (
            "What becomes of the number 5 in your function?",
            "Cutting is the business of whoever shows the picture.",
            "Leave out the clamp.",
        ),
        lambda f: close(f(*BACK.args), unpatchify(*BACK.args).clamp(0, 1)),
    ),
)

TASKS = (
    Task(
        "06.1",
        "pictures into patches",
        "my_patchify(images, patch_size)",
        "Images (N, C, H, W). Return (N, L, P*P*C): patches row by row, and inside a patch the "
        "order row, column, channel.",
        given(SMALL, 2),
        from_reference(
            patchify,
            given(SMALL, 2),
            CUT,
            given(torch.arange(3 * 6 * 12.0).view(1, 3, 6, 12), 3),
            names="images patch_size",
            gradient=True,
        ),
        CUTTING,
    ),
    Task(
        "06.2",
        "patches into pictures",
        "my_unpatchify(patches, patch_size)",
        "Patches (N, L, P*P*C) of square pictures, as patchify makes them. Return (N, C, H, W).",
        given(patchify(SMALL, 2), 2),
        from_reference(
            unpatchify,
            given(patchify(SMALL, 2), 2),
            BACK,
            given(patchify(torch.arange(2 * 6 * 6.0).view(1, 2, 6, 6), 2), 2),
            given(patchify(torch.arange(3 * 6 * 6.0).view(1, 3, 6, 6), 3), 3),
            names="patches patch_size",
            gradient=True,
        ),
        JOINING,
    ),
)
