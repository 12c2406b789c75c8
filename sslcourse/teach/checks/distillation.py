"""08.1, DINO's loss."""

from functools import partial

import torch

from sslcourse.methods.dino import dino_loss
from sslcourse.teach.checks.behaviours import acts_like, ignores
from sslcourse.teach.checks.cases import from_reference
from sslcourse.teach.checks.distilled import (
    center_after_softmax,
    dino_acts,
    dino_over,
    distilled,
    hard_labels,
    targets_over_the_batch,
)
from sslcourse.teach.checks.numbers import drawn
from sslcourse.teach.checks.swapped import shared, target_gradient
from sslcourse.teach.checks.swapped_prediction import TWO
from sslcourse.teach.checks.task import Call, Mistake, Task, given

DINO = (
    Mistake(
        "gradient-into-the-teacher",
        "A gradient reaches the teacher's scores: both could agree by giving one answer to all.",
        (
            "How does the teacher change?",
            "Only by following the student slowly.",
            "Use teacher.detach(), or torch.no_grad() around the teacher's part.",
        ),
        lambda f: target_gradient(f, distilled()),
    ),
    Mistake(
        "temperatures-swapped",
        "Your loss is the right one with the two temperatures exchanged: the teacher is softer "
        "than its student.",
        (
            "Who should be more decided, teacher or student?",
            "T_t < T_s: this is the sharpening.",
            "softmax(teacher / teacher_temperature), log_softmax(student / student_temperature)",
        ),
        lambda f: dino_acts(f, lambda s, t, c, soft, sharp: (s, t, c, sharp, soft)),
    ),
    Mistake(
        "one-temperature-for-both",
        "Your loss is the right one with one temperature for teacher and student: there is no "
        "sharpening.",
        (
            "How many temperatures does your code use?",
            "Without a sharper teacher all outputs drift to the uniform one.",
            "Divide the teacher's scores by teacher_temperature, the student's by the other.",
        ),
        lambda f: (
            dino_acts(f, lambda s, t, c, soft, sharp: (s, t, c, soft, soft))
            or dino_acts(f, lambda s, t, c, soft, sharp: (s, t, c, sharp, sharp))
        ),
    ),
    Mistake(
        "only-the-winner-counts",
        "Your targets are hard labels: only the teacher's best prototype counts, and how sure it "
        "is does not.",
        (
            "What is lost when a distribution becomes its largest entry?",
            "The target is the teacher's whole distribution; its temperature says how sharp.",
            "-(torch.softmax(…, dim=1) * log_softmax(student / T_s, dim=1)).sum(dim=1)",
        ),
        lambda f: acts_like(f, hard_labels, distilled(), distilled(seed=5)),
    ),
    Mistake(
        "temperature-ignored",
        "One of the two temperatures doesn't change your loss.",
        (
            "Where does each temperature occur in your code?",
            "T_t divides the teacher's centred scores, T_s the student's.",
            "softmax((teacher - center) / teacher_temperature), "
            "log_softmax(student / student_temperature)",
        ),
        lambda f: (
            ignores(f, distilled(teacher=0.2), distilled(teacher=0.4))
            or ignores(f, distilled(student=0.5), distilled(student=0.9))
        ),
    ),
    Mistake(
        "temperature-multiplied",
        "A temperature multiplies your scores instead of dividing them.",
        (
            "Should a small temperature make an output sharper or flatter?",
            "softmax(scores / T)",
            "Divide in both softmaxes.",
        ),
        lambda f: any(
            dino_acts(f, change)
            for change in (
                lambda s, t, c, soft, sharp: (s, t, c, 1 / soft, 1 / sharp),
                lambda s, t, c, soft, sharp: (s, t, c, soft, 1 / sharp),
                lambda s, t, c, soft, sharp: (s, t, c, 1 / soft, sharp),
            )
        ),
    ),
    Mistake(
        "teacher-softmax-over-the-batch",
        "The teacher's softmax runs over the images. There the centre cancels, for it is the same "
        "for all of them.",
        (
            "What does a row of your targets sum to?",
            "Each image is shared out among the prototypes.",
            "torch.softmax((teacher - center) / teacher_temperature, dim=-1)",
        ),
        lambda f: any(
            acts_like(f, targets_over_the_batch(log=log), distilled(), distilled(seed=5))
            for log in (partial(torch.log_softmax, dim=1), partial(torch.log_softmax, dim=0))
        ),
    ),
    Mistake(
        "center-ignored",
        "Another centre doesn't change your loss: nothing keeps one prototype from winning always.",
        (
            "What is the third input for?",
            "Centring subtracts the running mean from the teacher's scores.",
            "softmax((teacher - center) / teacher_temperature)",
        ),
        lambda f: ignores(
            f, distilled(), Call((*distilled().args[:2], drawn(1, 4, seed=9)), distilled().kwargs)
        ),
    ),
    Mistake(
        "center-added",
        "Your loss is the right one with the opposite centre: it is added, and the strongest "
        "prototype becomes stronger.",
        (
            "Is the centre added or subtracted?",
            "What is common to all images is taken away.",
            "teacher - center",
        ),
        lambda f: dino_acts(f, lambda s, t, c, soft, sharp: (s, t, -c, soft, sharp)),
    ),
    Mistake(
        "center-after-the-softmax",
        "The centre is subtracted after the softmax; it belongs to the scores.",
        (
            "Is your target a distribution? Does it sum to 1?",
            "The centre is a mean of scores, not of outputs.",
            "softmax((teacher - center) / teacher_temperature)",
        ),
        center_after_softmax,
    ),
    Mistake(
        "center-not-divided",
        "The centre is subtracted after the teacher's scores were divided by the temperature.",
        (
            "In which order come centring and sharpening?",
            "First centre the raw scores, then divide.",
            "(teacher - center) / teacher_temperature: mind the brackets.",
        ),
        lambda f: dino_acts(f, lambda s, t, c, soft, sharp: (s, t, c * sharp, soft, sharp)),
    ),
    Mistake(
        "student-centred-too",
        "The centre is subtracted from the student's scores; only the teacher's are centred.",
        (
            "Whose scores are centred in equation 2?",
            "If both are moved alike, centring changes little.",
            "Leave the student's scores as they are.",
        ),
        lambda f: (
            dino_acts(f, lambda s, t, c, soft, sharp: ([x - c for x in s], t, c, soft, sharp))
            or dino_acts(
                f, lambda s, t, c, soft, sharp: ([x - c for x in s], t, 0 * c, soft, sharp)
            )
        ),
    ),
    *shared(
        dino_loss,
        distilled,
        dino_over,
        "target",
        (distilled(student=0.8, teacher=0.4), distilled(seed=5, student=0.8, teacher=0.4)),
    ),
)

DINO_SMALL = given(
    TWO, TWO[::-1], torch.tensor([[0.5, 0.0]]), student_temperature=0.5, teacher_temperature=0.25
)

TASKS = (
    Task(
        "08.1",
        "DINO's loss",
        "my_dino_loss(student, teacher, center, *, student_temperature, teacher_temperature)",
        "Lists of scores (N, K): the student's of all views, the teacher's of the first of them; "
        "center (1, K), a running mean that nobody trains. Return the scalar mean over images and "
        "pairs of different views; no gradient flows to the teacher.",
        DINO_SMALL,
        from_reference(
            dino_loss,
            DINO_SMALL,
            distilled(),
            distilled(4, 5, student=0.1, teacher=0.05),
            distilled(4, 3, seed=7, answers=3),
            names="student teacher center",
            gradient=True,
            untrained=1,
        ),
        DINO,
    ),
)
