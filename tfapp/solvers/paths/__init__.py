"""Solvers that walk over a function: analytic ones, the parabola, the separable example, the plane of a training."""
