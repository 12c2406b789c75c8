"""09.4, pictures held out with all their views."""

import torch

from sslcourse.teach.checks.cases import holds
from sslcourse.teach.checks.held_out_parts import (
    CALLS,
    MANY,
    ROUNDS,
    SHARE,
    at_the_edge,
    common,
    complete,
    exchanged,
    held_positions,
    names_drawn_twice,
    names_returned,
    never_held,
    numbers_of_pictures,
    only_beside,
    parts,
    places_for_names,
    right_number,
    share_of_views,
    some_torn,
    torn,
    tries,
    two_parts,
)
from sslcourse.teach.checks.seeding import about_seeds, repeatable
from sslcourse.teach.checks.task import Case, Mistake, Task, given

HELD_OUT = (
    Mistake(
        "names-instead-of-positions",
        "Your numbers name or count pictures; they should be positions of views.",
        (
            "How many numbers should both parts hold together?",
            "Whoever calls you takes views[learn] and views[held], so every view needs a number.",
            "torch.isin(sources, chosen).nonzero()[:, 0] are the positions of the chosen pictures.",
        ),
        lambda f: names_returned(f) or numbers_of_pictures(f),
    ),
    Mistake(
        "same-views-in-both",
        "Some views stand in both parts: what judges was learned by heart.",
        (
            "Put both parts together. Does a position come twice?",
            "What is held out must be taken away from the other part.",
            "held = torch.isin(sources, chosen); learn = ~held.",
        ),
        lambda f: any(common(found) for _, found in tries(f)),
    ),
    Mistake(
        "some-views-lost",
        "Some views stand in neither part.",
        (
            "How many numbers do both parts hold together?",
            "Every view of a picture goes where its picture goes.",
            "held = torch.isin(sources, chosen); learn = ~held.",
        ),
        lambda f: any(not complete(sources, found) for sources, found in tries(f)),
    ),
    Mistake(
        "views-taken-for-neighbours",
        "Pictures stay whole only as long as their views stand beside each other, and as many of "
        "each: you cut by places.",
        (
            "Where are the views of picture 0 if `sources` is 0, 1, 2, 0, 1, 2?",
            "Only `sources` knows which views belong together.",
            "Draw from sources.unique(), and find the views by torch.isin(sources, chosen).",
        ),
        only_beside,
    ),
    Mistake(
        "pictures-torn-apart",
        "A picture has views in both parts: those held out have twins that were learned from.",
        (
            "Which pictures do the views in your two parts come from?",
            "Views of a picture look alike, so whoever knows one can name the other. Draw "
            "pictures, not views.",
            "names = sources.unique(); draw from names; torch.isin(sources, chosen).",
        ),
        some_torn,
    ),
    Mistake(
        "share-of-the-views",
        "You hold out round(share * views) pictures: views were counted where pictures count.",
        (
            "How many pictures are there, if sources is 4, 7, 9, 4, 7, 9?",
            "len(sources) counts views.",
            "names = sources.unique(); round(share * len(names))",
        ),
        share_of_views,
    ),
    Mistake(
        "parts-exchanged",
        "The parts are exchanged: `share` is held out, and the rest is learned from.",
        (
            "Which part should be the small one at a share of 0.3?",
            "First come the positions to learn from.",
            "return learn, held",
        ),
        exchanged,
    ),
    Mistake(
        "not-shuffled",
        "The pictures held out are always the first or the last ones.",
        (
            "What if pictures come class by class?",
            "Then whole classes would be missing from one part.",
            "names[torch.randperm(len(names), generator=generator)]",
        ),
        at_the_edge,
    ),
    Mistake(
        "places-instead-of-names",
        "Far too few pictures are held out, or none: what you draw is hardly ever found in "
        "`sources`, whose numbers may have gaps.",
        (
            "Which numbers can your draw give, and which of them stand in sources?",
            "A random order of 10 numbers says which of the ten names, not what they are. (And in "
            "a set, tensors are never found: .tolist() first.)",
            "names = sources.unique(); chosen = names[torch.randperm(len(names), …)[:number]]",
        ),
        places_for_names,
    ),
    Mistake(
        "pictures-drawn-twice",
        "Sometimes too few pictures are held out: one picture was drawn twice.",
        (
            "Compare len(chosen) with len(chosen.unique()).",
            "Independent random numbers can repeat; the beginning of a random order can't.",
            "names[torch.randperm(len(names), generator=generator)[:number]]",
        ),
        names_drawn_twice,
    ),
    Mistake(
        "wrong-number-held-out",
        "The number of pictures held out is not round(share * pictures).",
        (
            "How many of 10 pictures should be held out at a share of 0.3?",
            "The share is one of pictures: count them once each.",
            "round(share * len(sources.unique()))",
        ),
        lambda f: not all(right_number(f, share) for share in CALLS),
    ),
    *about_seeds(held_positions, ROUNDS, SHARE, 1),
)

TASKS = (
    Task(
        "09.4",
        "pictures held out with all their views",
        "hold_out(sources, share, seed)",
        "Whole numbers (N,), perhaps with gaps: the picture that each view was made of. Hold out "
        "round(share * pictures) random pictures with all their views. Return two tensors: "
        "positions of views to learn from, and positions held out. Only the seed decides, and the "
        "global randomness stays as it is.",
        given(torch.tensor([4, 7, 9, 4, 7, 9]), 1 / 3, 0),
        (
            Case("shape", lambda f: two_parts(f, MANY[0])),
            Case("dtype", lambda f: parts(f, MANY[0])),
            holds(
                "value",
                "every position must come exactly once.",
                lambda f: all(complete(*one) for one in tries(f)),
            ),
            holds(
                "value",
                "a picture has views in both parts.",
                lambda f: not any(torn(*one) for one in tries(f)),
            ),
            holds(
                "value",
                "round(share * pictures) different pictures must be held out: of 10 at the shares "
                "0.3, 0.34 and 0.48 it is 3, 3 and 5.",
                lambda f: all(right_number(f, share) for share in CALLS),
            ),
            holds(
                "value",
                "some pictures are never held out, whatever the seed.",
                lambda f: not never_held(f),
            ),
            *repeatable(held_positions, ROUNDS, SHARE, 1),
        ),
        HELD_OUT,
    ),
)
