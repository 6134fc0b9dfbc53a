"""Solvers side by side: analytic functions, networks, grid search, trajectories; and what BPGrad does step by step.

Importing the package is cheap; TensorFlow loads with the first name used.
"""

from importlib import import_module

_HOMES = {"BoundsLogger": "bounds.logger"}

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
