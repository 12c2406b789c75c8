"""09.3: the gap between two methods."""

from torch import Tensor

from sslcourse.teach.checks.formulas.formula import Formula, Way


def paired_gap(way: Way, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    if way("sides") == "second-minus-first":
        first, second = second, first
    gaps, seeds = first - second, len(first)
    gaps = {
        "sizes-of-the-gaps": lambda: gaps.abs(),
        "in-parts-of-the-second": lambda: gaps / second,
        "each-sorted-first": lambda: first.sort().values - second.sort().values,
    }.get(way("gaps"), lambda: gaps)()
    gap = {
        "median": lambda: gaps.median(),
        "best-compared": lambda: first.max() - second.max(),
        "largest": lambda: gaps.max(),
        "summed": lambda: gaps.sum(),
        "last-only": lambda: gaps[-1],
    }.get(way("gap"), lambda: gaps.mean())()
    std = {
        "around-zero": lambda: gaps.square().sum().div(seeds - 1).sqrt(),
        "root-of-the-mean-square": lambda: gaps.square().mean().sqrt(),
        "mean-absolute-deviation": lambda: (gaps - gaps.mean()).abs().mean(),
        "variance": lambda: gaps.var(),
        "divided-by-all-seeds": lambda: gaps.std(correction=0),
        "deviation-of-the-first": lambda: first.std(),
        "deviation-of-the-second": lambda: second.std(),
        "both-added": lambda: first.std() + second.std(),
        "both-as-if-unpaired": lambda: (first.var() + second.var()).sqrt(),
        "range": lambda: gaps.max() - gaps.min(),
    }.get(way("deviation"), lambda: gaps.std())()
    error = {
        "not-divided": lambda: std,
        "divided-by-the-number": lambda: std / seeds,
        "divided-by-the-root-of-one-less": lambda: std / (seeds - 1) ** 0.5,
        "divided-by-one-less": lambda: std / (seeds - 1),
        "times-1.96": lambda: 1.96 * std / seeds**0.5,
        "times-2": lambda: 2 * std / seeds**0.5,
        "gap-in-errors": lambda: gap / (std / seeds**0.5),
        "divided-by-the-root-of-2": lambda: std / 2**0.5,
        "squared": lambda: std.square() / seeds,
    }.get(way("error"), lambda: std / seeds**0.5)()
    return gap, error


FORMULAS = {
    "09.3": Formula(
        paired_gap,
        {
            "sides": {"second-minus-first": "the first is subtracted from the second"},
            "gaps": {
                "sizes-of-the-gaps": "the gaps lose their sign",
                "in-parts-of-the-second": "the gaps are divided by the second scores",
                "each-sorted-first": "both are sorted first, which tears the pairs apart",
            },
            "gap": {
                "median": "the median gap is taken",
                "best-compared": "the best scores are compared",
                "largest": "the largest gap is taken",
                "summed": "the gaps are summed",
                "last-only": "only the last gap is taken",
            },
            "deviation": {
                "around-zero": "the deviation is measured from 0, not from the mean",
                "root-of-the-mean-square": "the root of the mean square stands for the deviation",
                "mean-absolute-deviation": "the mean absolute deviation stands for the deviation",
                "variance": "the variance stands for the deviation",
                "divided-by-all-seeds": "the squares are divided by S, not by S - 1",
                "deviation-of-the-first": "the deviation is that of the first method alone",
                "deviation-of-the-second": "the deviation is that of the second method alone",
                "both-added": "the deviations of both methods are added",
                "both-as-if-unpaired": "the variances of both methods are added, as if unpaired",
                "range": "largest minus smallest stands for the deviation",
            },
            "error": {
                "not-divided": "the deviation is not divided by the root of S",
                "divided-by-the-number": "the deviation is divided by S",
                "divided-by-the-root-of-one-less": "the deviation is divided by the root of S - 1",
                "divided-by-one-less": "the deviation is divided by S - 1",
                "times-1.96": "the error is multiplied by 1.96",
                "times-2": "the error is multiplied by 2",
                "gap-in-errors": "the gap divided by its error is returned",
                "divided-by-the-root-of-2": "the deviation is divided by the root of 2",
                "squared": "the error is squared",
            },
        },
    ),
}
