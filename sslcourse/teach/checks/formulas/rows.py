"""01.5, 03.3 and 04.2: rows that are parted, pictures that are turned, keys that join a queue."""

import torch
import torch.nn.functional as F
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way


def split_pairs(way: Way, z: Tensor) -> tuple[Tensor, Tensor]:
    n, width = len(z) // 2, z.shape[1]
    turns = z.reshape(2, n, width).transpose(0, 1).reshape(-1, width)  # rows 0, n, 1, n + 1, ...
    strides = torch.cat([z[:n][0::2], z[:n][1::2], z[n:][0::2], z[n:][1::2]])
    ways = {
        "one-row-late": lambda: z.roll(-1, 0).view(n, 2, width).unbind(1),
        "second-views-of-the-next-image": lambda: (z[0::2], z[1::2].roll(-1, 0)),
        "second-views-turned-around": lambda: (z[0::2], z[1::2].flip(0)),
        "first-views-turned-around": lambda: (z[0::2].flip(0), z[1::2]),
        "halves-in-turn": lambda: turns.chunk(2),
        "each-half-by-stride": lambda: strides.chunk(2),
        "features-in-turn": lambda: z.reshape(n, width, 2).unbind(2),
        "brought-to-length-1": lambda: F.normalize(z, dim=1).view(n, 2, width).unbind(1),
        "sum-and-difference": lambda: (z[0::2] + z[1::2], z[0::2] - z[1::2]),
    }
    return tuple(ways.get(way("rows"), lambda: (z[0::2], z[1::2]))())


def turned(way: Way, images: Tensor, quarters: Tensor) -> Tensor:
    numbers = {
        "one-too-many": quarters + 1,
        "one-too-few": quarters - 1,
        "twice-as-many": 2 * quarters,
        "one-for-all-but-0": (quarters > 0).long(),
        "odd-or-even": quarters % 2,
        "degrees": 90 * quarters,
        "number-of-the-next-one": quarters.roll(-1),
        "number-of-the-first-one": quarters[:1].expand_as(quarters),
        "in-the-opposite-order": quarters.flip(0),
    }.get(way("number"), quarters)
    if way("number") == "three-as-one":
        numbers = torch.where(quarters == 3, 1, quarters)
    if way("number") == "one-as-three":
        numbers = torch.where(quarters == 1, 3, quarters)
    direction = -1 if way("turn") == "other-way-round" else 1
    halves = {"half-turn-upside-down": (1,), "half-turn-mirrored": (2,)}.get(way("turn"))
    found = []
    for image, number in zip(images, numbers.tolist(), strict=True):
        view = image.rot90(direction * number, (1, 2))
        if halves and number % 4 == 2:
            view = image.flip(halves)
        if way("turn") == "transposed-for-odd-ones" and number % 2:
            view = image.mT
        if way("turn") == "transposed-and-turned-for-3":
            view = {1: image.mT, 3: image.mT.flip(1, 2)}.get(number % 4, view)
        if way("turn") == "mirrored-too":
            view = view.flip(2)
        if way("turn") == "upside-down-too":
            view = view.flip(1)
        if way("turn") == "mirrored-where-turned" and number % 4:
            view = view.flip(2)
        found.append(view)
    return torch.stack(found)


def enqueue(way: Way, queue: Tensor, keys: Tensor) -> Tensor:
    n, size = len(keys), len(queue)
    written = queue.clone()
    written[:n] = keys
    last = queue.clone()
    last[-n:] = keys
    ways = {
        "keys-at-the-end": lambda: torch.cat([queue[n:], keys]),
        "keys-in-the-places-of-the-oldest": lambda: last,
        "keys-over-the-youngest": lambda: written,
        "youngest-leave": lambda: torch.cat([keys, queue[n:]]),
        "keys-turned-around": lambda: torch.cat([keys.flip(0), queue[:-n]]),
        "queue-turned-around": lambda: torch.cat([keys, queue.flip(0)[:-n]]),
        "keys-brought-to-length-1": lambda: torch.cat([F.normalize(keys, dim=1), queue[:-n]]),
        "all-brought-to-length-1": lambda: F.normalize(torch.cat([keys, queue[:-n]]), dim=1),
        "one-key-only": lambda: torch.cat([keys[:1], queue[:-1]]),
        "last-key-only": lambda: torch.cat([keys[-1:], queue[:-1]]),
        "one-place-for-each-key": lambda: torch.cat([keys, queue[1:]])[:size],
        "moved-by-one": lambda: torch.cat([keys, queue.roll(1, 0)[n:]]),
        "moved-the-wrong-way": lambda: torch.cat([keys, queue.roll(-n, 0)[n:]]),
        "all-numbers-moved": lambda: torch.cat([keys, queue.flatten().roll(n).view_as(queue)[n:]]),
        "keys-twice": lambda: torch.cat([keys, keys, queue])[:size],
        "mean-of-the-keys": lambda: torch.cat([keys.mean(0, keepdim=True), queue[:-1]]),
    }
    return ways.get(way("keys"), lambda: torch.cat([keys, queue])[:size])()


FORMULAS = {
    "01.5": Formula(
        turned,
        {
            "number": {
                "one-too-many": "each picture is turned a quarter too much",
                "one-too-few": "each picture is turned a quarter too little",
                "twice-as-many": "each picture is turned twice as far",
                "one-for-all-but-0": "all pictures but those with 0 are turned by one quarter",
                "odd-or-even": "2 is taken for 0, and 3 for 1",
                "degrees": "90 times the number of quarters is made, as if degrees were asked",
                "number-of-the-next-one": "each picture is turned by the number of the next one",
                "number-of-the-first-one": "all pictures are turned by the first one's number",
                "in-the-opposite-order": "the numbers are taken in the opposite order",
                "three-as-one": "3 is taken for 1",
                "one-as-three": "1 is taken for 3",
            },
            "turn": {
                "other-way-round": "the pictures are turned the other way round",
                "half-turn-upside-down": "a half turn only puts the picture upside down, and "
                "left and right stay",
                "half-turn-mirrored": "a half turn only mirrors left and right",
                "transposed-for-odd-ones": "1 and 3 exchange rows and columns",
                "transposed-and-turned-for-3": "1 and 3 exchange rows and columns, which mirrors",
                "mirrored-too": "each picture is mirrored left to right, too",
                "upside-down-too": "each picture is put upside down, too",
                "mirrored-where-turned": "each picture that is turned is mirrored, too",
            },
        },
    ),
    "03.3": Formula(
        split_pairs,
        {
            "rows": {
                "one-row-late": "rows 2i + 1 and 2i + 2 are taken for a pair",
                "second-views-of-the-next-image": "the second views are those of the next image",
                "second-views-turned-around": "the second views stand in the opposite order",
                "first-views-turned-around": "the first views stand in the opposite order",
                "halves-in-turn": "the two halves are dealt out in turn, then cut in two",
                "each-half-by-stride": "each half is put in order by itself",
                "features-in-turn": "every other feature is taken, not every other row",
                "brought-to-length-1": "the projections are brought to length 1, too",
                "sum-and-difference": "sums and differences of the pairs are returned",
            },
        },
    ),
    "04.2": Formula(
        enqueue,
        {
            "keys": {
                "keys-at-the-end": "the keys join at the other end",
                "keys-in-the-places-of-the-oldest": "the keys take the places of the oldest",
                "keys-over-the-youngest": "the keys are written over the youngest",
                "youngest-leave": "the youngest leave, not the oldest",
                "keys-turned-around": "the keys join in the opposite order",
                "queue-turned-around": "the queue stands in the opposite order",
                "keys-brought-to-length-1": "the keys are brought to length 1",
                "all-brought-to-length-1": "the whole queue is brought to length 1",
                "one-key-only": "only the first key joins",
                "last-key-only": "only the last key joins",
                "one-place-for-each-key": "only the youngest leaves, and the end is cut off",
                "moved-by-one": "the queue moves by one place, not by as many as there are keys",
                "moved-the-wrong-way": "the queue moves the wrong way",
                "all-numbers-moved": "the numbers move, not the rows: `roll` was not told a dim",
                "keys-twice": "the keys join twice",
                "mean-of-the-keys": "the mean of the keys joins",
            },
        },
    ),
}
