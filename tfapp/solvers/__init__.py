"""Solvers side by side: analytic functions, networks, grid search, trajectories."""
