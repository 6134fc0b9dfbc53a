"""Paths of solvers: on analytic functions, the parabola and the separable example, and in the plane of a training."""
