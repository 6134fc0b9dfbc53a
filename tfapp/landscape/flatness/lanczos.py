"""The Lanczos iteration, and the Gauss quadrature of a spectral measure that it gives."""

import numpy as np
from scipy.linalg import eigh_tridiagonal


def tridiagonalised(product, start: np.ndarray, steps: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the tridiagonal matrix T = Q'HQ of a symmetric H on the Krylov space of a vector.

    Every new vector is orthogonalised against all before, twice: without it the outer eigenvalues come
    again and again.

    Args:
        product: function v -> H v of float64 (n,).
        start: float64 (n,), not zero.
        steps: largest number of products, 1 <= steps <= n; fewer if the space is exhausted before.

    Returns:
        Diagonal (m,) and off-diagonal (m - 1,) of T, m <= steps.
    """
    basis = np.empty((steps, len(start)))
    diagonal, off_diagonal = [], []
    basis[0] = start / np.linalg.norm(start)
    for step in range(steps):
        w = product(basis[step])
        size = np.linalg.norm(w)
        diagonal.append(basis[step] @ w)
        known = basis[: step + 1]
        for _ in range(2):
            w = w - known.T @ (known @ w)
        rest = np.linalg.norm(w)
        # What is left is rounding: the space is invariant under H.
        if step + 1 == steps or rest <= 1e-10 * max(size, np.abs(diagonal).max()):
            break
        off_diagonal.append(rest)
        basis[step + 1] = w / rest
    return np.array(diagonal), np.array(off_diagonal)


def gauss_quadrature(diagonal: np.ndarray, off_diagonal: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes and weights of the Gauss quadrature that belongs to a tridiagonal matrix.

    Reference:
        G. Golub, J. Welsch, "Calculation of Gauss Quadrature Rules", Mathematics of Computation, 1969.
    """
    nodes, vectors = eigh_tridiagonal(diagonal, off_diagonal)
    return nodes, np.square(vectors[0])


def broadened(nodes: np.ndarray, weights: np.ndarray, grid: np.ndarray, sigma: float) -> np.ndarray:
    """Return the sum of weights * N(node, sigma^2) at the points of a grid."""
    total = np.zeros_like(grid)
    for node, weight in zip(nodes, weights, strict=True):
        total += weight * np.exp(-0.5 * np.square((grid - node) / sigma))
    return total / (sigma * np.sqrt(2 * np.pi))
