"""Whether the orders that Lu and Tong state are found: ratios, seeds in which they hold, a paired permutation test."""

from collections import defaultdict
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import stats

from tfapp.report.result_table import ResultTable

# With fewer pairs no order is less likely than 1/16 by chance.
LEAST_SEEDS = 5
_MOST_EXACT = 16
_DRAWS = 100_000
_EXPLAINED = (
    "Each order: the ratio of the mean of the first to that of the second, and in brackets the seeds in which the "
    "first is larger"
)


@dataclass(frozen=True)
class Ordering:
    """An `Order` of Lu and Tong, and what came out.

    Attributes:
        text: The statement, such as `FCN-16s is sharper than U-Net`.
        column: The column that it was looked up in.
        ratio: Mean of the first over mean of the second.
        holding, seeds: In how many seeds it holds, and of how many.
        p: Of `paired_permutation`, None with fewer than `LEAST_SEEDS` seeds.
        printed: The ratio of the printed numbers, or None.
    """

    text: str
    column: str
    ratio: float
    holding: int
    seeds: int
    p: float | None = None
    printed: float | None = None

    @property
    def cell(self) -> str:
        """The ratio, the seeds in which it is above 1, and how likely that is by chance."""
        by_chance = "" if self.p is None else f", p = {self.p:.2g}"
        return f"{self.ratio:.3g} ({self.holding} of {self.seeds}{by_chance})"


def paired_permutation(first, second) -> float:
    """Return how likely a sum of differences at least as large is if the signs of the differences are chance.

    The test is of one side, `first` larger than `second`, and exact up to 16 pairs: of all 2^n choices of signs those
    count whose sum is no smaller than the one that was found. Positive numbers are compared by their logarithms, so
    that the seed with the largest numbers does not decide.

    Args:
        first, second: Sequences of one number for each seed, in the same order.

    Returns:
        p, from 2^-n to 1.

    >>> paired_permutation([2, 3, 4], [1, 1, 1])
    0.125
    """
    first, second = np.asarray(first, float), np.asarray(second, float)
    if min(first.min(), second.min()) > 0:
        first, second = np.log(first), np.log(second)
    differences = first - second
    if len(differences) <= _MOST_EXACT:
        signs = np.array(list(product((1, -1), repeat=len(differences))))
    else:
        signs = np.random.default_rng(0).choice((1, -1), (_DRAWS, len(differences)))
        signs[0] = 1  # the one that was found
    sums = signs @ differences
    # Sums of the same terms in another order differ by rounding.
    slack = 1e-12 * np.abs(differences).sum()
    return float(np.mean(sums >= differences.sum() - slack))


def geometric_interval(values):
    """Return the geometric mean of positive numbers, and the ends of its 95 % interval, by Student's t of logarithms.

    None of fewer than two numbers, or if one is not positive. A sharpness differs from seed to seed by factors: one
    large number would decide an arithmetic mean.

    Args:
        values: Sequence of one number for each seed.
    """
    values = np.asarray(values, float)
    if len(values) < 2 or values.min() <= 0:
        return None
    logarithms = np.log(values)
    half = stats.t.ppf(0.975, len(values) - 1) * logarithms.std(ddof=1) / np.sqrt(len(values))
    return tuple(float(one) for one in np.exp(logarithms.mean() + np.array([0, -half, half])))


def find_orderings(orders, values, columns, printed=lambda key, column: None) -> list[Ordering]:
    """Return what came out of some orders, in each of some columns.

    Args:
        orders: Sequence of `Order`.
        values: From (network, batch size) to the numbers by seed and column.
        columns: Names of the columns.
        printed: Function of (network, batch size) and a column to the printed number, or None.
    """
    known = [order for order in orders if {order.larger, order.smaller} <= set(values)]
    return [_ordering(order, values, column, printed) for order in known for column in columns]


def _ordering(order, values, column, printed):
    first, second = values[order.larger], values[order.smaller]
    seeds = sorted(set(first) & set(second))
    a, b = (np.array([found[seed][column] for seed in seeds]) for found in (first, second))
    p = paired_permutation(a, b) if len(seeds) >= LEAST_SEEDS else None
    larger, smaller = (printed(key, column) for key in (order.larger, order.smaller))
    ratio = None if None in (larger, smaller) else larger / smaller
    mean = float(a.mean() / max(b.mean(), 1e-300))
    return Ordering(order.text, column, mean, int((a > b).sum()), len(seeds), p, ratio)


def order_table(orderings) -> ResultTable:
    """Return a statement of Lu and Tong in each row, and in each column what was found, beside it what is printed."""
    by_text = defaultdict(dict)
    for ordering in orderings:
        by_text[ordering.text][ordering.column] = ordering
    columns = list(dict.fromkeys(ordering.column for ordering in orderings))
    with_printed = any(ordering.printed is not None for ordering in orderings)
    header, rows = ["order"], []
    for column in columns:
        header += [column, "printed"] if with_printed else [column]
    for text, found in by_text.items():
        row = [text]
        for ordering in (found[column] for column in columns):
            row.append(ordering.cell)
            if with_printed:
                row.append("–" if ordering.printed is None else f"{ordering.printed:.3g}")
        rows.append(row)
    return ResultTable(header, rows)


def of_orders(orderings) -> str:
    """Return the sentence that explains the cells of `order_table`."""
    if all(ordering.p is None for ordering in orderings):
        return f"{_EXPLAINED}; with {LEAST_SEEDS} seeds or more a test tells how likely that is by chance."
    return (
        f"{_EXPLAINED}; p is how likely so large a difference is by chance, of a paired permutation test of one side "
        "over the seeds (the logarithms, each with either sign). Many orders are tested, so a few small p are to be "
        "expected."
    )
