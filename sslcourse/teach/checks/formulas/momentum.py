"""04.3 and 08.4: the momentum update, and a teacher with BatchNorm."""

import torch
from torch import nn

from sslcourse.teach.checks.formulas.formula import Formula, Way


@torch.no_grad()
def ema_update(way: Way, teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    kind = way("mix")
    if kind == "student-moved":
        teacher, student = student, teacher
    shares = {
        "momentum-swapped": (1 - momentum, momentum),
        "copied": (0.0, 1.0),
        "never-moved": (1.0, 0.0),
        "student-added-in-full": (momentum, 1.0),
        "teacher-kept-in-full": (1.0, 1 - momentum),
        "half-and-half": (0.5, 0.5),
        "squared-momentum": (momentum**2, 1 - momentum**2),
        "root-of-the-momentum": (momentum**0.5, 1 - momentum**0.5),
        "student-subtracted": (momentum, momentum - 1),
    }
    keep, take = shares.get(kind, (momentum, 1 - momentum))
    if way("parameters") == "once-for-each-module-around-it":
        for outer, inner in zip(teacher.modules(), student.modules()):
            for slow, fast in zip(outer.parameters(), inner.parameters()):
                slow.copy_(keep * slow + take * fast)
        return
    for number, (slow, fast) in enumerate(zip(teacher.parameters(), student.parameters())):
        skipped = {
            "matrices-only": slow.ndim < 2,
            "vectors-only": slow.ndim > 1,
            "first-only": number > 0,
            "first-left-out": number == 0,
        }
        if not skipped.get(way("parameters"), False):
            slow.copy_(keep * slow + take * fast)


@torch.no_grad()
def update_teacher(way: Way, teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    ema_update(way, teacher, student, momentum)
    for slow, fast in zip(teacher.buffers(), student.buffers()):
        slow.copy_(fast)


MOVES = {
    "mix": {
        "student-moved": "the student moves, not the teacher",
        "momentum-swapped": "m and 1 - m are exchanged",
        "copied": "the student is copied",
        "never-moved": "nothing moves",
        "student-added-in-full": "the student is added in full, without 1 - m",
        "teacher-kept-in-full": "the teacher is kept in full, without m",
        "half-and-half": "both are averaged, whatever m is",
        "squared-momentum": "the teacher moves twice, or m is squared",
        "root-of-the-momentum": "the root of m stands for m",
        "student-subtracted": "the student is subtracted",
    },
    "parameters": {
        "matrices-only": "only weights move, and biases stay",
        "vectors-only": "only biases and the like move, and matrices stay",
        "first-only": "only the first parameter moves",
        "first-left-out": "the first parameter stays",
        "once-for-each-module-around-it": "a parameter moves once for each module around "
        "it: modules() also lists those within others",
    },
}
FORMULAS = {
    "04.3": Formula(ema_update, MOVES),
    "08.4": Formula(update_teacher, MOVES),
}
