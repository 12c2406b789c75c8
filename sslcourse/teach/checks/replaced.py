"""07.6: mask tokens in the place of patches."""

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.hidden import TOKEN
from sslcourse.teach.checks.numbers import close, differ
from sslcourse.teach.checks.task import Mistake, Task, given
from sslcourse.teach.checks.visible import MASK, TOKENS


def hide_patches(patches: Tensor, mask: Tensor, mask_token: Tensor) -> Tensor:
    return torch.where(mask[:, :, None], mask_token, patches)


HIDE = given(TOKENS, MASK, TOKEN)

HIDING = (
    Mistake(
        "hidden-patches-left-out",
        "You took the hidden patches away, as MAE does. BEiT's encoder gets all L tokens.",
        (
            "How many tokens does BEiT's encoder see?",
            "All of them; a mask token stands where a patch is hidden.",
            "torch.where(mask[:, :, None], mask_token, patches)",
        ),
        lambda f: f(*HIDE.args).shape[1] != 4,
    ),
    Mistake(
        "mask-inverted",
        "The visible patches became mask tokens and the hidden ones are shown: True means hidden.",
        (
            "What does True mean in the mask?",
            "True = hidden: there the mask token stands.",
            "Exchange the two inputs of torch.where.",
        ),
        lambda f: acts_like(f, lambda x, m, t: hide_patches(x, ~m, t), HIDE),
    ),
    Mistake(
        "mask-of-the-first-image",
        "The first image's mask is used for all images.",
        (
            "Which patches of image 1 become the mask token?",
            "mask[0] is the mask of image 0; each image hides others.",
            "torch.where(mask[:, :, None], mask_token, patches), with the whole mask.",
        ),
        lambda f: acts_like(f, lambda x, m, t: hide_patches(x, m[:1].expand_as(m), t), HIDE),
    ),
    Mistake(
        "mask-token-added-everywhere",
        "The visible patches changed too: the mask token is added to all of them.",
        (
            "What should become of a visible patch?",
            "It stays as it is. Only hidden places get the token.",
            "torch.where(mask[:, :, None], mask_token, patches)",
        ),
        lambda f: acts_like(f, lambda x, m, t: x * ~m[:, :, None] + t, HIDE),
    ),
    Mistake(
        "hidden-patches-still-there",
        "What is hidden changes your result: the answer can be read from the input.",
        (
            "Change a hidden patch. Should your result change?",
            "The mask token replaces the patch, it isn't added to it.",
            "torch.where(mask[:, :, None], mask_token, patches)",
        ),
        lambda f: differ(f(*HIDE.args), f(TOKENS + MASK[:, :, None], MASK, TOKEN)),
    ),
    Mistake(
        "mask-token-forgotten",
        "The mask token doesn't change your result: hidden places are zero or something else.",
        (
            "What stands in a hidden place?",
            "A learned vector, the same in all hidden places.",
            "torch.where(mask[:, :, None], mask_token, patches)",
        ),
        lambda f: close(f(*HIDE.args), f(TOKENS, MASK, TOKEN + 1)),
    ),
)

TASKS = (
    Task(
        "07.6",
        "mask tokens in the place of patches",
        "my_hide_patches(patches, mask, mask_token)",
        "Embedded patches (N, L, D), mask bool (N, L), mask_token (D,). Return (N, L, D): the mask "
        "token in the hidden places, the patches in the others.",
        HIDE,
        from_reference(hide_patches, HIDE, names="patches mask mask_token", gradient=True),
        HIDING,
    ),
)
