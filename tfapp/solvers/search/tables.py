"""Tables and files of searches: what they found, proved and needed."""

from collections import defaultdict

import numpy as np

from tfapp.report.result_table import ResultTable, document

GAPS = (1e-1, 1e-2, 1e-3)
NOTES = (
    "Evaluations until the smallest value is within 0.1, 0.01 and 0.001 of the known minimum; – where it did not get "
    "there. Of the random methods (LIPO, AdaLIPO) the median over the seeds, with the number of seeds that got there.",
    "Error: the smallest value minus the known minimum, when the method stopped or the evaluations were spent.",
    "Proven gap: upper minus lower bound, which follows from the samples and L alone; the others prove nothing. "
    "Algorithm 1 stops when the box is covered, which proves min f ≥ ρ times its smallest value, or at a gap of 0.001, "
    "as Piyavskii-Shubert does.",
    "One run of a deterministic method is one run: a sample can lie near the minimum by chance.",
    "LIPO, AdaLIPO: as their authors set them (p = 0.1, growth 0.01 / n). SHGO, DIRECT: SciPy with its defaults.",
)
_STOPPED = {
    "covered": "the bound is proven for the whole box",
    "evaluations": "the evaluations are spent",
    "seconds": "the time is spent",
    "callback": "the callback asked for it",
}


class SearchTable:
    """Rows of methods for every function.

    Args:
        traces: `SearchTrace`s.
        functions: The `AnalyticFunction`s that they are of.
        budget: Evaluations that each search had.
        command: The command line that made it.
    """

    def __init__(self, traces, functions, budget: int, command: str):
        self.traces, self.functions, self.budget, self.command = traces, functions, budget, command

    def grouped(self) -> dict:
        """Return the traces by (name of the function, name of the method)."""
        groups = defaultdict(list)
        for trace in self.traces:
            groups[trace.function, trace.method].append(trace)
        return groups

    def table(self) -> ResultTable:
        """Return a row for each method on each function."""
        header = [
            "function",
            "method",
            *(f"to {gap:g}" for gap in GAPS),
            "error",
            "evaluations",
            "proven gap",
        ]
        rows = [
            [function, method, *(_reached(traces, gap) for gap in GAPS), *_ends(traces)]
            for (function, method), traces in self.grouped().items()
        ]
        return ResultTable(header, rows)

    def markdown(self) -> str:
        """Return heading, command, functions, table and notes."""
        seeds = max(map(len, self.grouped().values()))
        functions = [
            f"{one.name}: {one.formula}, L = {one.lipschitz:.4g}, on "
            + " × ".join(f"[{low:.4g}, {high:.4g}]" for low, high in one.bounds)
            for one in self.functions
        ]
        return document(
            functions,
            self.table(),
            NOTES,
            title=f"Global searches, {self.budget} evaluations, {seeds} seeds",
            command=self.command,
        )

    def write_csv(self, path) -> None:
        """Write one row for each search."""
        rows = []
        for trace in self.traces:
            counts = [trace.evaluations_to(gap) for gap in GAPS]
            counts = [f"{count:.0f}" if np.isfinite(count) else "" for count in counts]
            proven = trace.certificate.gap if trace.certificate else ""
            seed = "" if trace.seed is None else trace.seed
            ends = [f"{trace.best_errors[-1]:.6g}", len(trace.errors), proven]
            rows.append([trace.function, trace.method, seed, *counts, *ends])
        reached = [f"evaluations to {gap:g}" for gap in GAPS]
        header = ["function", "method", "seed", *reached, "error", "evaluations", "proven gap"]
        ResultTable(header, rows).write_csv(path)


def _reached(traces, gap):
    counts = [trace.evaluations_to(gap) for trace in traces]
    median, reached = float(np.median(counts)), sum(map(np.isfinite, counts))
    of_all = "" if reached in (0, len(counts)) else f" ({reached} of {len(counts)})"
    return f"{median:.0f}{of_all}" if np.isfinite(median) else f"–{of_all}"


def _ends(traces):
    error = np.median([trace.best_errors[-1] for trace in traces])
    evaluations = np.median([len(trace.errors) for trace in traces])
    certificate = traces[0].certificate
    return f"{error:.2g}", f"{evaluations:.0f}", f"{certificate.gap:.3g}" if certificate else "none"


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
    columns = zip(result.samples, result.values, result.radii, result.lower_bounds, strict=True)
    rows = [
        [number, *(f"{x:.10g}" for x in (*sample, value, radius, bound))]
        for number, (sample, value, radius, bound) in enumerate(columns, 1)
    ]
    ResultTable(["sample", *coordinates, "value", "radius", "lower bound"], rows).write_csv(path)
