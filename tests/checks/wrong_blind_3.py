"""Mistakes of another blind round, and slips that any function can make."""

import torch
import torch.nn.functional as F
from collected import unseen


@unseen("03.4", "return-in-the-loop")
def first_row_only(z):
    rows = []
    for row in z:
        rows.append(row / row.norm())
        return torch.stack(rows)


@unseen("05.2", "return-in-the-loop")
def first_pair_only(scores, assignments, *, temperature):
    total, pairs = 0.0, 0
    for i, target in enumerate(assignments):
        for j, s in enumerate(scores):
            if i != j:
                total = total - (target * F.log_softmax(s / temperature, dim=1)).sum(1).mean()
                pairs += 1
        return total / pairs
