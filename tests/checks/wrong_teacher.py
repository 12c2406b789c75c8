"""Wrong implementations of lesson 08 beside its loss, and of lessons 09 and 11's choices."""

import torch
from collected import wrong


def centring(mistake):
    """Collect a new centre, made of (center, scores, momentum) without gradient."""

    def collect(function):
        wrong("08.2", mistake)(
            lambda center, scores, momentum: function(center.detach(), scores.detach(), momentum)
        )

    return collect


def mixed(center, mean, m):
    return m * center + (1 - m) * mean


centring("momentum-swapped")(lambda c, s, m: mixed(s.mean(0, True), c, m))
centring("center-of-outputs")(lambda c, s, m: mixed(c, torch.softmax(s, 1).mean(0, True), m))
centring("center-of-centred-scores")(lambda c, s, m: mixed(c, (s - c).mean(0, True), m))
centring("one-number-for-all-prototypes")(lambda c, s, m: mixed(c, s.mean(), m))
centring("a-row-for-each-image")(lambda c, s, m: mixed(c, s, m))
centring("batch-summed")(lambda c, s, m: mixed(c, s.sum(0, True), m))
centring("old-center-forgotten")(lambda c, s, m: s.mean(0, True))
centring("center-never-moves")(lambda c, s, m: c)
wrong("08.2", "center-keeps-the-gradient")(
    lambda center, scores, momentum: mixed(center, scores.mean(0, True), momentum)
)


def output(mistake):
    def collect(function):
        wrong("08.3", mistake)(
            lambda scores, center, temperature: function(
                scores.detach(), center.detach(), temperature
            )
        )

    return collect


output("center-ignored")(lambda s, c, t: torch.softmax(s / t, 1))
output("center-added")(lambda s, c, t: torch.softmax((s + c) / t, 1))
output("center-not-divided")(lambda s, c, t: torch.softmax(s / t - c, 1))
output("center-after-the-softmax")(lambda s, c, t: torch.softmax(s / t, 1) - c)
output("temperature-multiplied")(lambda s, c, t: torch.softmax((s - c) * t, 1))
output("not-sharpened")(lambda s, c, t: torch.softmax(s - c, 1))
output("softmax-over-the-batch")(lambda s, c, t: torch.softmax((s - c) / t, 0))
wrong("08.3", "gradient-into-the-teacher")(
    lambda scores, center, temperature: torch.softmax((scores - center) / temperature, 1)
)


@torch.no_grad()
def copy_buffers(teacher, student):
    for slow, fast in zip(teacher.buffers(), student.buffers(), strict=True):
        slow.copy_(fast)


@wrong("08.4", "momentum-swapped")
@torch.no_grad()
def swapped(teacher, student, momentum):
    copy_buffers(teacher, student)
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.lerp_(fast, momentum)


@wrong("08.4", "teacher-never-moves")
def new_variables(teacher, student, momentum):
    copy_buffers(teacher, student)
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow = slow * momentum + fast * (1 - momentum)


@wrong("08.4", "teacher-copies-the-student")
def loaded(teacher, student, momentum):
    teacher.load_state_dict(student.state_dict())


@wrong("08.4", "student-moves")
@torch.no_grad()
def roles_exchanged(teacher, student, momentum):
    copy_buffers(student, teacher)
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        fast.lerp_(slow, 1 - momentum)


@wrong("08.4", "momentum-ignored")
@torch.no_grad()
def always_the_same_momentum(teacher, student, momentum):
    copy_buffers(teacher, student)
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.lerp_(fast, 0.004)


@wrong("08.4", "teacher-remembers-the-student")
def recorded(teacher, student, momentum):
    copy_buffers(teacher, student)
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.mul_(momentum).add_(fast, alpha=1 - momentum)


@wrong("08.4", "statistics-left-behind")
@torch.no_grad()
def without_buffers(teacher, student, momentum):
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.lerp_(fast, 1 - momentum)


@wrong("08.5", "moved-by-every-micro-batch")
def every_time(center, batches, move):
    for scores in batches:
        center = move(center, scores)
    return center


wrong("08.5", "center-never-moved")(
    lambda center, batches, move: torch.cat(batches).mean(dim=0, keepdim=True)
)
wrong("08.5", "means-averaged")(
    lambda center, batches, move: move(center, torch.stack([x.mean(dim=0) for x in batches]))
)
wrong("08.5", "only-one-micro-batch-used")(lambda center, batches, move: move(center, batches[-1]))


def choosing(mistake, decide, report):
    """Collect both choices: decide(validation, test) -> number, report(v, test, number)."""

    def choose(validation, test):
        best = decide(validation, test)
        return best, report(validation, test, best)

    wrong("09.1", mistake)(choose)
    wrong("11.6", mistake)(lambda v, t: choose(v.mean(dim=0), t.mean(dim=0)))


choosing("chosen-on-the-test-images", lambda v, t: t.argmax(), lambda v, t, best: t[best])
choosing("validation-score-reported", lambda v, t: v.argmax(), lambda v, t, best: v[best])
choosing("best-test-score-reported", lambda v, t: v.argmax(), lambda v, t, best: t.max())
choosing("last-one-taken", lambda v, t: len(v) - 1, lambda v, t, best: t[best])
wrong("09.1", "results-exchanged")(lambda v, t: (t[v.argmax()], v.argmax()))
wrong("11.6", "results-exchanged")(lambda v, t: (t.mean(0)[v.mean(0).argmax()], v.mean(0).argmax()))
choosing("worst-one-taken", lambda v, t: v.argmin(), lambda v, t, best: t[best])
wrong("09.1", "both-sets-decide")(lambda v, t: ((v + t).argmax(), t[(v + t).argmax()]))
wrong("11.6", "both-sets-decide")(
    lambda v, t: ((v + t).mean(0).argmax(), t.mean(0)[(v + t).mean(0).argmax()])
)


@wrong("11.6", "best-head-of-each-image")
def lucky_heads(validation, test):
    return validation.mean(dim=0).argmax(), test.amax(dim=1).mean()


@wrong("08.4", "counter-moved-by-shares")
@torch.no_grad()
def every_state_by_shares(teacher, student, momentum):
    theirs = student.state_dict()
    for name, value in teacher.state_dict().items():
        value.mul_(momentum).add_(theirs[name], alpha=1 - momentum)
