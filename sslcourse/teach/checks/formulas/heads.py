"""11.6: a head that is chosen on validation images."""

import torch
from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way


def choose_head(way: Way, validation: Tensor, test: Tensor) -> tuple[Tensor, Tensor]:
    seen = {"test-decides": test, "both-decide": torch.cat([validation, test])}
    known = seen.get(way("images"), validation)
    heads = known.shape[1]
    head = {
        "vote-of-the-images": lambda: known.argmax(dim=1).mode().values,
        "median": lambda: known.median(dim=0).values.argmax(),
        "best-single-image": lambda: known.flatten().argmax() % heads,
        "best-of-its-worst-image": lambda: known.amin(dim=0).argmax(),
        "best-of-its-best-image": lambda: known.amax(dim=0).argmax(),
        "worst-head": lambda: known.mean(dim=0).argmin(),
        "first-head": lambda: torch.tensor(0),
        "last-head": lambda: torch.tensor(heads - 1),
        "first-image-only": lambda: known[0].argmax(),
        "image-for-head": lambda: known.mean(dim=1).argmax(),
        "least-varied-head": lambda: known.std(dim=0).argmin(),
        "flat-place": lambda: known.flatten().argmax(),
    }.get(way("head"), lambda: known.mean(dim=0).argmax())()
    means, place = test.mean(dim=0), int(head) % heads
    score = {
        "image-for-head-reported": lambda: test[min(int(head), len(test) - 1)].mean(),
        "validation-reported": lambda: validation[:, place].mean(),
        "best-test-reported": lambda: means.max(),
        "best-image-reported": lambda: test[:, place].max(),
        "median-reported": lambda: test[:, place].median(),
        "sum-reported": lambda: test[:, place].sum(),
        "all-heads-reported": lambda: test.mean(),
        "best-of-each-image-reported": lambda: test.amax(dim=1).mean(),
        "first-image-reported": lambda: test[0, place],
    }.get(way("report"), lambda: means[place])()
    return head + (way("number") == "counted-from-1"), score


FORMULAS = {
    "11.6": Formula(
        choose_head,
        {
            "images": {
                "test-decides": "the test images decide",
                "both-decide": "validation and test images decide together",
            },
            "head": {
                "vote-of-the-images": "the head is taken that is best in most images",
                "median": "the median over the images decides, not the mean",
                "best-single-image": "the best single image decides",
                "best-of-its-worst-image": "each head's worst image decides",
                "best-of-its-best-image": "each head's best image decides",
                "worst-head": "the head with the lowest mean is taken",
                "first-head": "the first head is taken",
                "last-head": "the last head is taken",
                "first-image-only": "the first image decides alone",
                "image-for-head": "the mean runs over the heads, so that an image is chosen",
                "least-varied-head": "the head that varies least is taken",
                "flat-place": "the place among all numbers is returned, not the head",
            },
            "report": {
                "image-for-head-reported": "the mean over the heads of one image is reported",
                "validation-reported": "the mean over validation images is reported",
                "best-test-reported": "the best mean over test images is reported",
                "best-image-reported": "the best test image is reported",
                "median-reported": "the median test image is reported",
                "sum-reported": "the sum over test images is reported",
                "all-heads-reported": "the mean of all heads is reported",
                "best-of-each-image-reported": "each test image's best head is reported",
                "first-image-reported": "the first test image is reported",
            },
            "number": {"counted-from-1": "heads are counted from 1"},
        },
    ),
}
