"""Figure 3.3 of Wu (2020): Algorithm 1 on f3, and what is said of it and of f1 and f2."""

from tfapp.optimizers import branch_and_prune
from tfapp.report.result_table import markdown_table
from tfapp.solvers.search.functions import FUNCTIONS

SOURCE = "Y. Wu, dissertation, chapter 3, figure 3.3"
TITLE = "Algorithm 1 on f3 = x sin x + 15, L = 4π, ρ = 0.1, first sample 2.5"
NOTES = (
    "What gives the numbers of Wu (2020): the next sample is the border of what is left that is nearest in the "
    "direction of descent, -f' (the sign printed there is the other one), else the nearest on the other side, and all "
    "radii follow the smallest value. Covered after 15 samples; the 16th iteration finds nothing left.",
    "The minimiser that Wu gives as 4.813 is 4.913.",
    "The algorithm is not shift invariant: the three functions differ by a constant only (and f1 in its interval), and "
    "need 15, 196 and 1,155 samples. The nearer the minimum is to 0, the smaller the balls; at 0 it would not end.",
    "The sawtooth bound, min over x of max over samples of f_i - L |x - x_i|, comes from the same samples.",
)
_ITERATIONS = {"f3": "within 16 iterations"}


def run_algorithm_1(name: str):
    """Return the `SearchResult` of Algorithm 1 on f1, f2 or f3 as Wu sets it."""
    function = FUNCTIONS[name]
    options = {"gradient": function.gradient, "start": function.start, "rho": 0.1}
    return branch_and_prune(function.function, function.bounds, function.lipschitz, **options)


def rows(results):
    """Return (header, rows) as text.

    Args:
        results: `SearchResult`s by the names f1, f2 and f3.
    """
    f3 = results["f3"]
    text = [
        ("f3: second sample", "3.682", f"{f3.samples[1, 0]:.4f}"),
        ("f3: fifth sample", "1.27", f"{f3.samples[4, 0]:.4f}"),
        ("f3: best sample, the 12th", "11.117", f"{f3.minimiser[0]:.4f}, the {f3.values.argmin() + 1}th"),
        ("f3: distance from the minimiser", "0.031", f"{f3.minimiser[0] - FUNCTIONS['f3'].minimiser[0]:.4f}"),
    ]
    for name, result in results.items():
        certificate = result.certificate
        proven = f"{certificate.lower_bound:.4g} to {certificate.upper_bound:.4g}"
        text += [
            (f"{name}: samples", _ITERATIONS.get(name, ""), f"{certificate.evaluations:,}"),
            (f"{name}: bounds of the minimum", "", proven),
            (f"{name}: sawtooth bound of the same samples", "", f"{certificate.sawtooth_bound():.4g}"),
            (f"{name}: Theorem 2 allows", "", f"{certificate.theorem_2:,.0f}"),
        ]
    return ("what", "text", "here"), text


def markdown(results, command: str) -> str:
    """Return heading, command, table and notes."""
    header, lines = rows(results)
    notes = "\n".join(f"- {note}" for note in NOTES)
    return (
        f"# {TITLE}\n\nAfter {SOURCE}.\n\n```\n{command}\n```\n\n{markdown_table(header, lines)}\n\n{notes}\n"
    )
