"""All tasks, by their ids. Each subject's file holds its tasks, their cases and their mistakes."""

from importlib import import_module

from sslcourse.teach.checks.task import Task

SUBJECTS = [
    "accumulated",
    "around_the_loss",
    "assignments",
    "attention",
    "beit",
    "block_masks",
    "centre",
    "chance",
    "choosing",
    "chosen_head",
    "codebook",
    "codes",
    "collapse",
    "contrastive",
    "distillation",
    "few",
    "forces",
    "frozen",
    "frozen_copy",
    "gaps",
    "held_out",
    "hidden",
    "in_use",
    "kept",
    "keys",
    "logits",
    "mae",
    "many_views",
    "moco_step",
    "momentum",
    "neighbours",
    "objects",
    "patches",
    "pointing",
    "prototypes",
    "queue",
    "random_masks",
    "replaced",
    "ridge",
    "shuffling",
    "softened",
    "standardised",
    "swapped_prediction",
    "targets",
    "teacher",
    "teacher_norm",
    "turned",
    "two_views",
    "views",
    "visible",
    "with_queue",
]
TASKS: dict[str, Task] = {
    task.key: task
    for task in sorted(
        (
            task
            for subject in SUBJECTS
            for task in import_module(f"sslcourse.teach.checks.{subject}").TASKS
        ),
        key=lambda task: task.key,
    )
}
