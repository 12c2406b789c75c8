"""Right implementations of patches, masks, tokens, the teacher and attention."""

import math

import numpy as np
import torch
import torch.nn.functional as F
from collected import right
from einops import rearrange
from torch import nn


@right("06.1", "loops")
def patchify_loops(images, patch_size):
    p = patch_size
    return torch.stack(
        [
            images[:, :, r : r + p, c : c + p].permute(0, 2, 3, 1).flatten(1)
            for r in range(0, images.shape[2], p)
            for c in range(0, images.shape[3], p)
        ],
        dim=1,
    )


@right("06.1", "unfold")
def patchify_unfold(images, patch_size):
    columns = F.unfold(images, patch_size, stride=patch_size)  # (N, C*P*P, L)
    return rearrange(columns, "n (c p) l -> n l (p c)", c=images.shape[1])


@right("06.1", "einsum")
def patchify_einsum(images, patch_size):
    n, c, h, w = images.shape
    p = patch_size
    x = images.reshape(n, c, h // p, p, w // p, p)
    return torch.einsum("nchpwq->nhwpqc", x).reshape(n, (h // p) * (w // p), -1)


@right("06.2", "fold")
def unpatchify_fold(patches, patch_size):
    side = math.isqrt(patches.shape[1]) * patch_size
    columns = rearrange(patches, "n l (p c) -> n (c p) l", p=patch_size**2)
    return F.fold(columns, side, patch_size, stride=patch_size)


@right("06.2", "loops")
def unpatchify_loops(patches, patch_size):
    side, p = math.isqrt(patches.shape[1]), patch_size
    squares = patches.reshape(*patches.shape[:2], p, p, -1).permute(0, 1, 4, 2, 3)
    rows = [
        torch.cat(list(squares[:, r * side : (r + 1) * side].unbind(1)), 3) for r in range(side)
    ]
    return torch.cat(rows, dim=2)


@right("06.3", "loops")
def mask_loops(n, length, ratio, generator=None):
    mask = torch.zeros(n, length, dtype=torch.bool)
    for row in mask:
        row[torch.randperm(length, generator=generator)[: round(ratio * length)]] = True
    return mask


@right("06.3", "threshold")
def mask_threshold(n, length, ratio, *, generator=None):
    noise = torch.rand(n, length, generator=generator)
    return noise.argsort(dim=1).argsort(dim=1) < round(length * ratio)


@right("06.5", "layer norm by hand")
def normalise_loops(patches):
    mean = patches.mean(dim=-1, keepdim=True)
    var = ((patches - mean) ** 2).sum(-1, keepdim=True) / (patches.shape[-1] - 1)
    return (patches - mean) / torch.sqrt(var + 1e-6)


@right("06.6", "gather")
def encode_gather(blocks, tokens, positions, mask):
    visible = (~mask).nonzero()[:, 1].view(len(mask), -1)
    index = visible[:, :, None].expand(-1, -1, tokens.shape[2])
    return blocks((tokens + positions).gather(1, index))


@right("06.7", "scatter")
def decode_where(decoder, visible, mask, mask_token, positions):
    rank = (~mask).cumsum(dim=1).sub(1).clamp_min(0)
    spread = visible.gather(1, rank[:, :, None].expand(-1, -1, visible.shape[2]))
    return decoder(torch.where(mask[..., None], mask_token, spread) + positions)


@right("07.1", "loops")
def block_loops(n, grid, masked, *, generator=None):
    mask = torch.zeros(n, grid, grid, dtype=torch.bool)
    for image in mask:
        for _ in range(60):
            height, width = torch.randint(1, 5, (2,), generator=generator).tolist()
            top = int(torch.randint(0, grid - height + 1, (), generator=generator))
            left = int(torch.randint(0, grid - width + 1, (), generator=generator))
            tried = image.clone()
            tried[top : top + height, left : left + width] = True
            if tried.sum() <= masked:
                image.copy_(tried)
    return mask.flatten(1)


right("07.2", "functional")(
    lambda logits, noise, temperature: F.softmax(logits.add(noise).div(temperature), dim=2)
)
right("07.3", "sum of detached")(
    lambda shares: (F.one_hot(shares.argmax(2), shares.shape[2]) - shares).detach() + shares
)


@right("07.4", "counting")
def perplexity_loops(tokens, codes):
    values = tokens.flatten().tolist()
    share = [values.count(code) / len(values) for code in range(codes)]
    return 2 ** -sum(p * math.log2(p) for p in share if p)


right("08.2", "lerp")(
    torch.no_grad()(lambda center, scores, momentum: center.lerp(scores.mean(0), 1 - momentum))
)


@right("08.4", "state dict copied")
def teacher_state(teacher, student, momentum):
    fast = student.state_dict()
    for name, value in teacher.state_dict().items():
        if value.is_floating_point() and "running" not in name:
            value.mul_(momentum).add_(fast[name], alpha=1 - momentum)
        else:
            value.copy_(fast[name])


@right("11.1", "loops")
def attention_loops(q, k):
    rows = []
    for queries, keys in zip(q.flatten(0, 1), k.flatten(0, 1)):
        rows.append(F.softmax(queries @ keys.T * keys.shape[1] ** -0.5, dim=-1))
    return torch.stack(rows).unflatten(0, q.shape[:2])


@right("11.1", "einsum")
def attention_einsum(q, k):
    scores = torch.einsum("nhid,nhjd->nhij", q / math.sqrt(q.shape[-1]), k)
    scores = (scores - scores.amax(-1, keepdim=True)).exp()
    return scores / scores.sum(-1, keepdim=True)


@right("11.1", "the fused function shows its weights")
def attention_fused(q, k):
    values = torch.eye(k.shape[2]).expand(*k.shape[:2], -1, -1)
    return F.scaled_dot_product_attention(q, k, values)


@right("11.3", "loops")
def threshold_loops(maps, share):
    kept = torch.zeros_like(maps, dtype=torch.bool)
    for number, one in enumerate(maps):
        total = 0.0
        for place in one.flatten().argsort(descending=True).tolist():
            if total >= share * float(one.sum()):
                break
            kept[number].view(-1)[place] = True
            total += float(one.flatten()[place])
    return kept


@right("11.4", "loops")
def jaccard_loops(maps, masks):
    return [float((a & b).sum()) / float((a | b).sum()) for a, b in zip(maps, masks)]


@right("11.5", "unravel")
def pointing_unravel(maps, masks):
    hits = 0
    for one, mask in zip(maps.numpy(), masks.numpy()):
        hits += bool(mask[np.unravel_index(one.argmax(), one.shape)])
    return hits / len(maps)


right("09.1", "python")(
    lambda validation, test: (
        max(range(len(validation)), key=lambda i: validation[i]),
        float(test[validation.argmax()]),
    )
)
right("03.8", "convolution")(lambda width: nn.Conv2d(3, width, 3, padding=1, bias=False))
