"""Networks trained by many solvers: the grid of their parameters, the table and its pictures."""
