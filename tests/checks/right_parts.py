"""Right implementations of the parts around the losses."""

import copy
import math

import numpy as np
import torch
import torch.nn.functional as F
from collected import right

from sslcourse import evaluate, methods, networks
from sslcourse.evaluate.probe import standardize
from sslcourse.methods.dino import teacher_output

right("01.1", "package")(evaluate.knn_accuracy)
right("01.2", "package")(standardize)
right("02.1", "package")(evaluate.effective_rank)
right("02.2", "package")(evaluate.feature_std)
right("04.3", "package")(networks.ema_update)
right("04.4", "package")(networks.ema_copy)
right("06.1", "package")(methods.patchify)
right("06.2", "package")(methods.unpatchify)
right("06.3", "package")(methods.random_mask)
right("06.5", "package")(methods.normalize_patches)
right("07.1", "package")(methods.block_mask)
right("07.4", "package")(methods.codebook_usage)
right("08.3", "package")(teacher_output)
right("11.3", "package")(evaluate.threshold_mass)
right("11.4", "package")(evaluate.jaccard)
right("11.5", "package")(evaluate.pointing_accuracy)


@right("01.1", "loops")
def knn_loops(train, train_labels, test, test_labels, k, temperature):
    hits = 0
    for x, label in zip(test, test_labels):
        s = [float(F.cosine_similarity(x, y, dim=0)) for y in train]
        nearest = sorted(range(len(s)), key=lambda i: -s[i])[:k]
        votes = {}
        for i in nearest:
            c = int(train_labels[i])
            votes[c] = votes.get(c, 0) + math.exp(s[i] / temperature)
        hits += max(votes, key=votes.get) == int(label)
    return hits / len(test)


@right("01.1", "one-hot")
def knn_one_hot(train, train_labels, test, test_labels, k, temperature):
    s = F.normalize(test, dim=1) @ F.normalize(train, dim=1).T
    threshold = s.topk(k, dim=1).values[:, -1:]
    weights = torch.where(s >= threshold, torch.exp(s / temperature), 0)
    votes = weights @ F.one_hot(train_labels).to(weights)
    return (votes.argmax(1) == test_labels).double().mean()


@right("01.2", "numpy")
def standardize_numpy(train, test):
    train, test = train.numpy(), test.numpy()
    std = train.std(axis=0)
    std[std == 0] = 1
    return (train - train.mean(axis=0)) / std, (test - train.mean(axis=0)) / std


@right("01.3", "no_grad and eval")
@torch.no_grad()
def features(encoder, images):
    encoder.eval()
    return torch.stack([encoder(image[None])[0] for image in images])


@right("02.1", "loops")
def rank_loops(z):
    values = torch.linalg.svd(z).S.tolist()
    share = [v / sum(values) for v in values]
    return math.exp(-sum(p * math.log(p) for p in share if p > 0))


@right("02.1", "eigenvalues")
def rank_eigenvalues(z):
    values = torch.linalg.eigvalsh(z.double().T @ z.double()).clamp_min(0).sqrt()
    share = values / values.sum()
    return torch.special.entr(share).sum().exp()


@right("02.2", "numpy")
def std_numpy(z):
    z = z.numpy()
    z = z / np.linalg.norm(z, axis=1, keepdims=True)
    return z.std(axis=0).mean()


right("02.3", "math")(lambda images, micro_batches=1: math.log(2 * images - 1))
right("03.3", "view")(lambda z: z.view(-1, 2, z.shape[1]).unbind(1))
right("03.4", "norm")(lambda z: z / z.norm(dim=1, keepdim=True))
right("03.4", "numpy-like sum")(lambda z: z / z.pow(2).sum(-1, keepdim=True).sqrt())


@right("03.2", "split")
def encoded_views(encoder, first, second):
    z = encoder(torch.cat((first, second), dim=0))
    return z[: len(first)], z[len(first) :]


@right("03.2", "interleaved and parted again")
def interleaved(encoder, first, second):
    z = encoder(torch.stack([first, second], dim=1).flatten(0, 1))
    return z[0::2], z[1::2]


@right("03.2", "one tensor of two views")
def both_in_one_tensor(encoder, first, second):
    return encoder(torch.cat([first, second])).view(2, *first.shape)


right("03.3", "one tensor of two views")(lambda z: z.view(-1, 2, z.shape[1]).transpose(0, 1))


@right("03.6", "one call for both")
def one_call(images, augment, generator):
    return augment(torch.cat([images, images]), generator).chunk(2)


@right("04.2", "written in place")
def enqueue_roll(queue, keys):
    queue = queue.roll(len(keys), dims=0)
    queue[: len(keys)] = keys.detach()
    return queue.detach()


@right("04.2", "cut first")
def enqueue_cut(queue, keys):
    return torch.cat((keys, queue), dim=0)[: len(queue)].detach()


@right("04.3", "data")
def ema_data(teacher, student, momentum):
    for slow, fast in zip(teacher.parameters(), student.parameters()):
        slow.data = slow.data * momentum + fast.data * (1.0 - momentum)


@right("04.3", "state dict")
def ema_state(teacher, student, momentum):
    fast = student.state_dict()
    mixed = {k: v * momentum + fast[k] * (1 - momentum) for k, v in teacher.state_dict().items()}
    teacher.load_state_dict(mixed)


@right("04.4", "deepcopy")
def copied(encoder):
    key_encoder = copy.deepcopy(encoder)
    for parameter in key_encoder.parameters():
        parameter.requires_grad = False
    return key_encoder


@right("04.5", "inverse by scatter")
@torch.no_grad()
def keys_by_scatter(key_encoder, images, order):
    keys = key_encoder(images[order])
    back = torch.empty_like(keys)
    back[order] = keys
    return back
