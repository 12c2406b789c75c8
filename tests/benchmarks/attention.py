"""How DINO's laptop recipe came about: trainings on scenes, and where their attention goes.

    python tests/benchmarks/attention.py 1500 learning_rate=1e-3 augment.jitter=0.2

Trains with some settings changed, for that many steps, and looks every 250 steps at training images
that were set aside: nearest neighbours, and how well the best head finds the objects. Heads and the
share of the mass are chosen on other images than those that are scored.
"""

import ast
import sys
from dataclasses import replace

import torch
from masked import changed_budget
from torch import nn

from sslcourse.build import build
from sslcourse.data.images import ImageSet
from sslcourse.evaluate import extract_features, frozen_scores, knn_accuracy, load_split
from sslcourse.evaluate.attention import attention_maps, threshold_mass
from sslcourse.evaluate.objects import jaccard, pointing_accuracy
from sslcourse.hardware import describe_device, keep_freed_memory
from sslcourse.scores import kept_encoder
from sslcourse.train import History, fit

EVERY = 250  # steps
SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)


def find_objects(encoder: nn.Module, choose: ImageSet, test: ImageSet) -> dict[str, float]:
    """Pointing accuracy and overlap of the head and the share that overlap most."""
    found = {}
    for share in SHARES:
        kept = threshold_mass(attention_maps(encoder, choose), share)
        for head, score in enumerate(jaccard(kept, choose.masks).mean(dim=0).tolist()):
            found[share, head] = score
    share, head = max(found, key=found.get)
    _, usual = max((key for key in found if key[0] == 0.6), key=found.get)
    maps = attention_maps(encoder, test)
    return {
        "pointing": pointing_accuracy(maps[:, usual], test.masks),
        "jaccard, 60 %": overlap(maps[:, usual], test, 0.6),
        "jaccard, chosen": overlap(maps[:, head], test, share),
        "share": share,
    }


def overlap(maps: torch.Tensor, images: ImageSet, share: float) -> float:
    return jaccard(threshold_mass(maps, share), images.masks).mean().item()


def neighbours(encoder: nn.Module, known: ImageSet, test: ImageSet) -> float:
    h = [extract_features(encoder, part) for part in (known, test)]
    return knn_accuracy(h[0], known.labels, h[1], test.labels)


def main(steps: str, *settings: str) -> None:
    print(describe_device(torch.device("cpu")), "; ".join(settings), flush=True)
    keep_freed_memory()
    pairs = (setting.split("=", 1) for setting in settings)
    chosen = changed_budget("dino", {key: ast.literal_eval(value) for key, value in pairs})
    images = load_split("scenes")
    known, choose, test = images.learn[:4_000], images.choose[:1_000], images.choose[1_000:]
    method = build("dino", chosen, 0)

    def look(step: int, history: History | None) -> None:
        encoder = kept_encoder(method)
        scores = {"k-NN": neighbours(encoder, known, test), **find_objects(encoder, choose, test)}
        if history is not None:
            names = ("loss", "teacher_entropy", "kl", "kl_uniform", "seconds")
            scores |= {name: history[name][-1] for name in names}
        print(f"{step:6}", "  ".join(f"{k} {v:.3g}" for k, v in scores.items()), flush=True)

    def on_step(step: int, history: History) -> None:
        if step % EVERY == 0:
            look(step, history)

    look(0, None)
    training = replace(chosen.training, seconds=None, steps=int(steps), seed=0)
    fit(method, images.learn, training, on_step=on_step)
    scored = replace(images, train=images.learn, test=images.choose)
    print({name: round(v, 3) for name, v in frozen_scores(kept_encoder(method), scored).items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
