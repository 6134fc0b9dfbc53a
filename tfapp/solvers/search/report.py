"""What one search found and proved, in words and as files."""

import csv

from tfapp.files import atomic_path

_STOPPED = {
    "covered": "the bound is proven for the whole box",
    "evaluations": "the evaluations are spent",
    "seconds": "the time is spent",
    "callback": "the callback asked for it",
}


def search_rows(function, result) -> list:
    """Return (what, value) rows as text: the best sample, the bounds and what they rest on."""
    certificate = result.certificate
    return [
        ("smallest value", f"{result.minimum:.6g}"),
        ("at", ", ".join(f"{x:.6g}" for x in result.minimiser)),
        ("known minimum", f"{function.minimum:.6g}"),
        ("lower bound, proven", f"{certificate.lower_bound:.6g}"),
        ("sawtooth of the same samples", f"{certificate.sawtooth_bound():.6g}"),
        ("share of the box covered", f"{certificate.covered_share:.1%}"),
        ("evaluations", f"{certificate.evaluations}"),
        ("Theorem 2 allows", f"{certificate.theorem_2:.4g}"),
        ("stopped because", _STOPPED[result.stopped]),
    ]


def search_json(function, result, command: str) -> dict:
    """Return the result and its certificate for a JSON file."""
    certificate = result.certificate
    return {
        "command": command,
        "function": function.name,
        "formula": function.formula,
        "bounds": [list(side) for side in function.bounds],
        "lipschitz": certificate.lipschitz,
        "minimiser": result.minimiser.tolist(),
        "minimum": result.minimum,
        "known_minimum": function.minimum,
        "lower_bound": certificate.lower_bound,
        "sawtooth_bound": certificate.sawtooth_bound(),
        "covered": certificate.covered,
        "covered_share": certificate.covered_share,
        "evaluations": certificate.evaluations,
        "theorem_2": certificate.theorem_2,
        "stopped": result.stopped,
    }


def write_samples(result, path) -> None:
    """Write one row for each sample as CSV: point, value, final radius of its ball, lower bound proven by then."""
    coordinates = [f"x{axis + 1}" for axis in range(result.samples.shape[1])]
    with atomic_path(path) as temporary, temporary.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["sample", *coordinates, "value", "radius", "lower bound"])
        columns = zip(result.samples, result.values, result.radii, result.lower_bounds, strict=True)
        for number, (sample, value, radius, bound) in enumerate(columns, 1):
            writer.writerow([number, *(f"{x:.10g}" for x in (*sample, value, radius, bound))])
