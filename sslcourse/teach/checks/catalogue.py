"""All tasks, by their ids."""

from sslcourse.teach.checks import (
    attention,
    beit,
    choosing,
    collapse,
    contrastive,
    frozen,
    keys,
    mae,
    momentum,
    neighbours,
    objects,
    patches,
    queue,
    swapped,
    swav,
    teacher,
    tokens,
    views,
    visible,
)
from sslcourse.teach.checks.task import Task

SUBJECTS = (
    *(neighbours, frozen, collapse, contrastive, views, keys, queue, momentum, swav, swapped),
    *(patches, mae, visible, beit, tokens, teacher, choosing, attention, objects),
)
TASKS: dict[str, Task] = {
    task.key: task
    for task in sorted((task for room in SUBJECTS for task in room.TASKS), key=lambda t: t.key)
}
