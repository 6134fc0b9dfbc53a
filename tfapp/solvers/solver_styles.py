"""How figures draw each solver, so that it has the same colour in all of them."""

_COLOURS = {
    "bpgrad": "#d62728",
    "bpgrad-plain": "#f19c38",
    "bpgrad-auto": "#8c1c4b",
    "sgd": "#1f77b4",
    "sgd-momentum": "#17becf",
    "adagrad": "#2ca02c",
    "adadelta": "#a6b727",
    "rmsprop": "#9467bd",
    "adam": "#222222",
    "eve": "#8c564b",
    "alig": "#e377c2",
}
ADAPTIVE = ("adagrad", "adadelta", "rmsprop", "adam", "eve")


def line_style(solver, **options) -> dict:
    """Return colour, width and dashes of the line of a `PathSolver`; BPGrad's are the wider ones."""
    style = {"color": colour(solver.name), "lw": 1.9 if solver.name.startswith("bpgrad") else 1.2}
    return style | {"ls": "--" if solver.dashed else "-"} | options


def colour(name) -> str:
    """Return the colour of a solver of `tfapp.optimizers.SOLVERS`."""
    return _COLOURS[name]
