"""11.1 and 11.2: attention from queries and keys, and the part that a picture is made of."""

import torch
from torch import Tensor

from sslcourse.teach.checks.behaviours import acts_like
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.numbers import close, differ, drawn
from sslcourse.teach.checks.task import Mistake, Task, given

Q, K = drawn(2, 3, 5, 4, seed=1), drawn(2, 3, 5, 4, seed=2)  # (N, heads, T, d)


def attention_weights(q: Tensor, k: Tensor) -> Tensor:
    return torch.softmax(q @ k.transpose(2, 3) / q.shape[3] ** 0.5, dim=3)


def attends(other):
    return lambda f: acts_like(f, other, given(Q, K))


def scaled(power: float, heads: int = 1):
    """Attention whose scores are divided by (heads * d) to some power."""
    return lambda q, k: torch.softmax(q @ k.transpose(2, 3) / (heads * q.shape[3]) ** power, dim=3)


WEIGHTS = (
    Mistake(
        "softmax-forgotten",
        "Some of your numbers are negative: scores, or logarithms, are no weights yet.",
        (
            "What does each row of your result sum to?",
            "Weights are positive and sum to 1.",
            "torch.softmax(scores, dim=3)",
        ),
        lambda f: bool((f(Q, K) < 0).any()),
    ),
    Mistake(
        "keys-look-at-queries",
        "Your matrix is turned: row i holds what token i is looked at by, as q and k were "
        "exchanged.",
        (
            "Who asks, queries or keys?",
            "Row i belongs to query i.",
            "q @ k.transpose(2, 3)",
        ),
        attends(lambda q, k: attention_weights(k, q)),
    ),
    Mistake(
        "compared-with-themselves",
        "Only one of q and k counts in your weights: queries are compared with queries, or keys "
        "with keys.",
        (
            "Whom does a query ask?",
            "The inner products are those of each query with each key.",
            "q @ k.transpose(2, 3)",
        ),
        lambda f: (
            attends(lambda q, k: attention_weights(q, q))(f)
            or attends(lambda q, k: attention_weights(k, k))(f)
        ),
    ),
    Mistake(
        "channels-compared-with-channels",
        "Your weights are (d, d): the axis of tokens was summed over, so channels are compared.",
        (
            "Which axis should an inner product of a query and a key run over?",
            "Over d. What is left are the two axes of tokens.",
            "q @ k.mT, not q.mT @ k",
        ),
        lambda f: f(Q, K).shape == (2, 3, 4, 4),
    ),
    Mistake(
        "weights-transposed",
        "Your matrix is right, but transposed: what stands in row i belongs in column i.",
        (
            "Whose share should row i hold?",
            "Row i is token i's: its query compared with all keys. Look at the letters of einsum, "
            "or at which of q and k is transposed.",
            "torch.softmax(q @ k.transpose(2, 3) / d ** 0.5, dim=3)",
        ),
        lambda f: close(f(Q, K).mT, attention_weights(Q, K)),
    ),
    Mistake(
        "softmax-over-the-queries",
        "Your columns sum to 1, not your rows: each key shares itself out among the queries.",
        (
            "What does each row of your result sum to?",
            "A query shares its attention out among the keys.",
            "torch.softmax(scores, dim=3)",
        ),
        lambda f: close(f(Q, K).sum(dim=2), torch.ones(2, 3, 5)),
    ),
    Mistake(
        "attention-across-the-batch",
        "Replacing image 1 changes the weights of image 0: tokens, heads or images are mixed.",
        (
            "Which axes does your product or softmax run over?",
            "Only the tokens of one image and one head meet.",
            "q @ k.transpose(2, 3) multiplies the last two axes; softmax over dim=3.",
        ),
        lambda f: differ(
            f(Q, K)[0],
            f(torch.cat([Q[:1], drawn(1, 3, 5, 4, seed=7)]), torch.cat([K[:1], Q[1:]]))[0],
        ),
    ),
    Mistake(
        "scores-not-scaled",
        "Your attention is too sharp: the scores are not divided by the root of d.",
        (
            "How large is the inner product of two random vectors of width d?",
            "About the root of d, so it is divided by that.",
            "q @ k.transpose(2, 3) / q.shape[3] ** 0.5",
        ),
        attends(scaled(0.0)),
    ),
    Mistake(
        "scaled-by-another-number",
        "Your scores are divided by something else than the root of d, the width of one head.",
        (
            "What do you divide by, for d = 4?",
            "By 2: not by 4, and not by the width of all heads.",
            "q.shape[3] ** 0.5",
        ),
        lambda f: (
            any(
                attends(scaled(power, heads))(f)
                for power, heads in ((1.0, 1), (0.5, 3), (0.25, 1), (-0.5, 1), (1.0, 3), (-1.0, 1))
            )
            or attends(lambda q, k: torch.softmax(q @ k.mT / q.shape[2] ** 0.5, 3))(f)
        ),
    ),
    Mistake(
        "heads-averaged",
        "Your result has one map for all heads; each head has its own.",
        (
            "Which shape should your result have?",
            "(N, heads, T, T)",
            "Leave out .mean(dim=1): softmax(q @ k.transpose(2, 3) / …) has all heads.",
        ),
        lambda f: f(Q, K).shape == (2, 5, 5),
    ),
    Mistake(
        "rows-do-not-sum-to-one",
        "Your rows don't sum to 1: they are no shares of a token's attention.",
        (
            "What does each row of your result sum to?",
            "The softmax runs over the keys, and over nothing else.",
            "torch.softmax(scores, dim=3)",
        ),
        lambda f: differ(f(Q, K).sum(dim=3), torch.ones(2, 3, 5)),
    ),
)

MAPS = torch.softmax(drawn(2, 3, 7, 7, seed=3), dim=3)  # a class token and 2 x 3 patches


def class_attention(weights: Tensor, columns: int) -> Tensor:
    return weights[:, :, 0, 1:].unflatten(2, (-1, columns))


LOOK = given(MAPS, 3)
CLASS = (
    Mistake(
        "column-instead-of-row",
        "You show which patches look at the class token, not where the class token looks.",
        (
            "Row or column: which of them sums to 1?",
            "Row 0 is the class token's attention.",
            "weights[:, :, 0, 1:]",
        ),
        lambda f: acts_like(f, lambda w, c: class_attention(w.mT, c), LOOK),
    ),
    Mistake(
        "class-token-in-the-map",
        "The first value of your map is the class token's look at itself, and all patches stand "
        "one place too late.",
        (
            "Which token is number 0?",
            "The class token is no patch.",
            "Leave out column 0: weights[:, :, 0, 1:].",
        ),
        lambda f: acts_like(f, lambda w, c: w[:, :, 0, :-1].unflatten(2, (-1, c)), LOOK),
    ),
    Mistake(
        "another-token-looks",
        "Your map is that of a patch, or a mean over tokens, not the class token's.",
        (
            "Which row belongs to the class token?",
            "It stands in front of the patches.",
            "Row 0: weights[:, :, 0, 1:]",
        ),
        lambda f: any(
            acts_like(f, lambda w, c, other=other: other(w).unflatten(2, (-1, c)), LOOK)
            for other in (
                *(lambda w, row=row: w[:, :, row, 1:] for row in range(1, 7)),
                lambda w: w[:, :, :, 1:].mean(2),
                lambda w: w[:, :, 1:, 1:].mean(2),
            )
        ),
    ),
    Mistake(
        "rows-and-columns-exchanged",
        "Rows and columns of your map are exchanged: the patches are counted row by row, and "
        "`columns` says how many one row has.",
        (
            "Where in the picture is patch 1?",
            "Right of patch 0. `columns` is the length of a row.",
            "weights[:, :, 0, 1:].view(N, heads, -1, columns)",
        ),
        lambda f: (
            close(f(MAPS, 3).flatten(2), class_attention(MAPS, 2).mT.flatten(2))
            or acts_like(f, lambda w, c: w[:, :, 0, 1:].unflatten(2, (c, -1)), LOOK)
        ),
    ),
)

TASKS = (
    Task(
        "11.1",
        "attention from queries and keys",
        "attention_weights(q, k)",
        "q and k (N, heads, T, d). Return the weights (N, heads, T, T): row i says how token i "
        "shares its attention out, and sums to 1.",
        given(Q[:1, :1, :2], K[:1, :1, :2]),
        from_reference(
            attention_weights,
            given(Q[:1, :1, :2], K[:1, :1, :2]),
            given(Q, K),
            given(8 * Q, 8 * K),  # exp alone would overflow
            names="q k",
            gradient=True,
        ),
        WEIGHTS,
    ),
    Task(
        "11.2",
        "where the class token looks",
        "class_attention(weights, columns)",
        "Attention weights (N, heads, 1+L, 1+L), token 0 is the class token, and the number of "
        "patches in a row. Return its maps (N, heads, rows, columns).",
        LOOK,
        from_reference(class_attention, LOOK, names="weights columns"),
        CLASS,
    ),
)
