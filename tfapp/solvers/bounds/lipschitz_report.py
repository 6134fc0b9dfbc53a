"""An estimate of a Lipschitz constant in words and as files."""

import csv
from dataclasses import asdict

from tfapp.files import atomic_path

USELESS = (
    "Random initialisations are far apart and alike in their loss: this L is thousands of times too small to train "
    "with; use --mode trajectory."
)


def estimate_rows(estimate) -> list:
    """Return (what, value) rows as text.

    Args:
        estimate: `LipschitzEstimate`.
    """
    return [
        ("slopes", f"{len(estimate.slopes):,}"),
        ("median", f"{estimate.median:.4g}"),
        (f"quantile {estimate.quantile:g}", f"{estimate.quantile_slope:.4g}"),
        ("largest", f"{estimate.max:.4g}"),
        ("largest gradient norm", f"{estimate.max_gradient_norm:.4g}"),
        (f"L for BPGrad with momentum {estimate.momentum:g}", f"{estimate.lipschitz:.4g}"),
    ]


def estimate_json(estimate, settings: dict) -> dict:
    """Return the estimate without its slopes for a JSON file.

    Args:
        estimate: `LipschitzEstimate`.
        settings: How it was made, in types that JSON knows.
    """
    fields = {name: value for name, value in asdict(estimate).items() if name != "slopes"}
    return {
        **settings,
        **fields,
        "num_slopes": len(estimate.slopes),
        "median": estimate.median,
        "quantile_slope": estimate.quantile_slope,
        "max": estimate.max,
        "lipschitz": estimate.lipschitz,
    }


def write_slopes(estimate, path) -> None:
    """Write one slope a row as CSV, in the order of the path."""
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["slope"])
        writer.writerows([f"{slope:.9g}"] for slope in estimate.slopes)
