"""Results as text: tables in Markdown, and means over trainings with their spread."""

import numpy as np


def markdown_table(header, rows) -> str:
    """Return a table of texts in Markdown, without a line end after the last row."""
    return "\n".join(f"| {' | '.join(line)} |" for line in [header, ["---"] * len(header), *rows])


def mean_and_spread(values, form, spread_form=None) -> str:
    """Return `mean ± sample standard deviation`, the mean alone of one value, and a dash of none.

    Args:
        values: Numbers, such as one for each seed.
        form: Format of the mean, such as `.2f`.
        spread_form: Format of the deviation; by default that of the mean.
    """
    if not values:
        return "–"
    mean = f"{float(np.mean(values)):{form}}"
    return mean if len(values) == 1 else f"{mean} ± {float(np.std(values, ddof=1)):{spread_form or form}}"
