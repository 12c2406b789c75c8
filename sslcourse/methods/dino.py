"""DINO: a student learns to say what its teacher says, and the teacher is the student's past.

Caron, Touvron, Misra, Jégou, Mairal, Bojanowski and Joulin, "Emerging Properties in Self-Supervised
Vision Transformers", 2021, arXiv:2104.14294.

Student and teacher score an image against K prototypes. With the scores s of the student and t of
the teacher, for two different views of one image (equations 1 to 3):

    p = softmax((t - c) / T_t)
    loss(s, p) = -sum over k of p_k log softmax(s / T_s)_k      mean over pairs of different views

The teacher sees the large crops, the student all. The teacher gets no gradient: it is a copy that
follows the student slowly. There are no negatives; two forces together prevent collapse (section
5.3). *Centring* subtracts c, a running mean of the teacher's scores (equation 4): alone it ends in
the uniform output. *Sharpening*, T_t < T_s, makes the teacher more decided than the student: alone
it ends with one prototype for everything. For a uniform student the loss is ln K: the chance line.

What we simplify: one recipe for both large crops, no stochastic depth.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from sslcourse.data.augment import Augment, multi_crop
from sslcourse.networks.ema import ema_copy, ema_update, rising_momentum
from sslcourse.networks.heads import DINOHead
from sslcourse.networks.patches import check_crop
from sslcourse.networks.processes import mean_of_all
from sslcourse.networks.vit import represent


def dino_loss(
    student: list[Tensor],
    teacher: list[Tensor],
    center: Tensor,
    *,
    student_temperature: float,
    teacher_temperature: float,
) -> Tensor:
    """Cross-entropy between the teacher's output for one view and the student's for another.

    Args:
        student: scores (N, K) of each view.
        teacher: scores (N, K) of the first of these views; no gradient flows to them.
        center: (1, K), subtracted from the teacher's scores.
        student_temperature: greater than 0.
        teacher_temperature: greater than 0; below the student's it sharpens.

    Returns:
        The scalar mean over images and pairs of different views, float32 (float64 for float64).

    Raises:
        ValueError: too few views, shapes that don't fit, or a temperature <= 0.
    """
    if len(student) < 2 or not 1 <= len(teacher) <= len(student):
        raise ValueError(
            "the student needs at least two views and the teacher the first of them, got "
            f"{len(student)} and {len(teacher)} views."
        )
    shapes = {tuple(scores.shape) for scores in [*student, *teacher]}
    if len(shapes) != 1 or student[0].ndim != 2 or center.shape != (1, student[0].shape[1]):
        raise ValueError(
            f"scores must be (N, K) of one shape and center (1, K), got {sorted(shapes)} and "
            f"{tuple(center.shape)}."
        )
    if not student_temperature > 0 or not teacher_temperature > 0:
        raise ValueError(
            f"both temperatures must be greater than 0, got {student_temperature} and "
            f"{teacher_temperature}."
        )
    raised = torch.promote_types(student[0].dtype, torch.float32)
    targets = [teacher_output(scores, center, teacher_temperature) for scores in teacher]
    predictions = [F.log_softmax(s.to(raised) / student_temperature, dim=1) for s in student]
    terms = [
        -(p.to(raised) * prediction).sum(dim=1).mean()
        for number, p in enumerate(targets)
        for other, prediction in enumerate(predictions)
        if other != number
    ]
    return torch.stack(terms).mean()


def teacher_output(scores: Tensor, center: Tensor, temperature: float) -> Tensor:
    """The teacher's centred and sharpened distribution (…, K), without gradient."""
    raised = torch.promote_types(scores.dtype, torch.float32)
    return torch.softmax((scores.to(raised) - center).detach() / temperature, dim=-1)


class DINO(nn.Module):
    """A student `encoder` and its `teacher_encoder`, which is the one to keep and to evaluate.

    Three switches take the method apart: `center_momentum=1` leaves the centre at 0, so nothing is
    centred; `sharpening=False` gives the teacher the student's temperature; `momentum=0,
    momentum_end=0` gives the teacher the student's own weights.

    Args:
        encoder: maps images (N, 3, H, W) to features (N, D), or to tokens that its `pool_tokens`
            makes features of, and has a `width_out` of D.
        prototypes: K.
        hidden: width of the head's hidden layers; the paper has 2,048.
        bottleneck: width of the features z that are scored.
        head_norm: whether the head has BatchNorm; the paper's has none.
        augment: makes the two large crops; by default `Augment(crop_scale=(0.4, 1.0))`.
        small: makes the small crops, with fewer pixels; None means that there are none.
        small_views: number of small crops.
        student_temperature: T_s, greater than 0.
        teacher_temperature: T_t, greater than 0 and below the student's.
        start_temperature: the teacher's at the start; None for no change.
        temperature_warmup: share of the training, in [0, 1), over which it changes in a line.
        sharpening: whether the teacher has a temperature of its own.
        center_momentum: of the centre, in [0, 1].
        momentum: of the teacher at the start, in [0, 1]; rises along a cosine.
        momentum_end: of the teacher at the end, in [0, 1].
        frozen: share of the training, in [0, 1), during which the prototypes stay as they are.

    Raises:
        ValueError: a value out of its range, or crops that don't fill the encoder's patches.
    """

    def __init__(
        self,
        encoder: nn.Module,
        *,
        prototypes: int = 256,
        hidden: int = 256,
        bottleneck: int = 64,
        head_norm: bool = False,
        augment: Augment | None = None,
        small: Augment | None = None,
        small_views: int = 0,
        student_temperature: float = 0.1,
        teacher_temperature: float = 0.04,
        start_temperature: float | None = None,
        temperature_warmup: float = 0.0,
        sharpening: bool = True,
        center_momentum: float = 0.9,
        momentum: float = 0.99,
        momentum_end: float = 1.0,
        frozen: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        shape = {"width_hidden": hidden, "width_bottleneck": bottleneck, "norm": head_norm}
        self.head = DINOHead(encoder.width_out, prototypes, **shape)
        self.prototypes, self.hidden, self.bottleneck = prototypes, hidden, bottleneck
        self.augment = augment or Augment(crop_scale=(0.4, 1.0))
        self.small, self.small_views = small, small_views
        self.student_temperature = student_temperature
        self.teacher_temperature = teacher_temperature
        self.start_temperature, self.temperature_warmup = start_temperature, temperature_warmup
        self.sharpening, self.center_momentum = sharpening, center_momentum
        self.momentum, self.momentum_end, self.frozen = momentum, momentum_end, frozen
        check_settings(self)
        self.teacher_encoder, self.teacher_head = ema_copy(encoder), ema_copy(self.head)
        self.register_buffer("center", torch.zeros(1, prototypes))
        self.progress = 0.0
        self.fresh: Tensor | None = None  # mean scores of this step's teacher, (1, K)

    def get_extra_state(self) -> Tensor:
        """What a checkpoint needs beside weights and the centre."""
        return torch.tensor(self.progress, dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        self.progress = float(state)

    def forward(self, images: Tensor) -> Tensor:
        """Normalised images (N, 3, H, W) -> the teacher's features z (N, D) of unit length."""
        return self.teacher_head.project(represent(self.teacher_encoder, images))

    def make_views(self, images: Tensor, generator: torch.Generator | None = None) -> list[Tensor]:
        """Two large crops of each uint8 image, then the small ones."""
        small = self.small or self.augment
        return multi_crop(images, self.augment, small, self.small_views, generator)

    def student(self, views: list[Tensor]) -> Tensor:
        """The student's scores (V, N, K); views of one size share a forward pass."""
        groups = [views] if len({view.shape for view in views}) == 1 else [views[:2], views[2:]]
        frozen = self.progress < self.frozen
        parts = [self.head(represent(self.encoder, torch.cat(g)), frozen=frozen) for g in groups]
        return torch.cat(parts).unflatten(0, (len(views), -1))  # (V, N, K)

    @torch.no_grad()
    def teacher(self, views: list[Tensor]) -> Tensor:
        """The teacher's scores (2, N, K) of the large crops, neither centred nor sharpened."""
        scores = self.teacher_head(represent(self.teacher_encoder, torch.cat(views[:2])))
        return scores.unflatten(0, (2, -1))  # (2, N, K)

    def loss(self, views: list[Tensor]) -> tuple[Tensor, dict[str, Tensor | float]]:
        """The student follows the teacher; the centre waits until `after_step`."""
        student, teacher = self.student(views), self.teacher(views)
        sharp, soft = self.temperature_at(self.progress), self.student_temperature
        temperatures = {"student_temperature": soft, "teacher_temperature": sharp}
        loss = dino_loss(list(student), list(teacher), self.center, **temperatures)
        self.fresh = mean_of_all(teacher.mean(dim=(0, 1)))[None]  # of the raw scores
        return loss, output_diagnostics(teacher_output(teacher, self.center, sharp), loss.detach())

    def after_step(self, progress: float) -> None:
        """Move the centre, then let the teacher follow the student."""
        if self.fresh is not None:
            self.center = torch.lerp(self.fresh, self.center, self.center_momentum)
        self.fresh, self.progress = None, progress
        momentum = rising_momentum(progress, self.momentum, self.momentum_end)
        ema_update(self.teacher_encoder, self.encoder, momentum)
        ema_update(self.teacher_head, self.head, momentum)

    def temperature_at(self, progress: float) -> float:
        """The teacher's temperature after a share of the training."""
        if not self.sharpening:
            return self.student_temperature
        start, end = self.start_temperature, self.teacher_temperature
        if start is None or progress >= self.temperature_warmup:
            return end
        return start + (end - start) * progress / self.temperature_warmup


def check_settings(method: DINO) -> None:
    """One clear sentence about the first value that makes no sense."""
    for name in ("center_momentum", "momentum", "momentum_end", "temperature_warmup", "frozen"):
        value, share = getattr(method, name), name in ("temperature_warmup", "frozen")
        if not 0 <= value <= 1 or (share and value == 1):
            raise ValueError(f"{name} must be in [0, 1{')' if share else ']'}, got {value}.")
    student, teacher = method.student_temperature, method.teacher_temperature
    teachers = [teacher, teacher if method.start_temperature is None else method.start_temperature]
    if not min(student, *teachers) > 0:
        raise ValueError(f"temperatures must be greater than 0, got {student} and {teachers}.")
    if method.sharpening and max(teachers) >= student:
        raise ValueError(
            f"the teacher's temperature {max(teachers)} must be below the student's {student}: a "
            "teacher that is no sharper drifts to the uniform output (sharpening=False shows it)."
        )
    if method.small_views < 0 or (method.small_views and method.small is None):
        raise ValueError(f"{method.small_views} small views need an Augment that makes them.")
    for augment in filter(None, (method.augment, method.small)):
        check_crop(augment.size, getattr(method.encoder, "patch_size", 1))


@torch.no_grad()
def output_diagnostics(outputs: Tensor, loss: Tensor) -> dict[str, Tensor | float]:
    """What to watch of a teacher's outputs (2, N, K): both kinds of collapse.

    "teacher_entropy" of an output: ln K when it is uniform, 0 when it is one prototype. "kl" is
    the rest of the loss, the student's divergence from the teacher: 0 in either collapse.
    "kl_uniform" is ln K less the entropy of the mean output: ln K when one prototype takes all.
    """
    chance, entropy = math.log(outputs.shape[2]), torch.special.entr(outputs).sum(dim=2).mean()
    gap = chance - torch.special.entr(outputs.mean(dim=(0, 1))).sum()
    return {"chance": chance, "teacher_entropy": entropy, "kl": loss - entropy, "kl_uniform": gap}
