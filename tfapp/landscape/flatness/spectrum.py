"""Trace and density of all eigenvalues of a Hessian, estimated from its products with random vectors."""

import math
from dataclasses import dataclass
from numbers import Integral

import numpy as np
from scipy.integrate import trapezoid
from scipy.linalg import eigh_tridiagonal
from scipy.sparse.linalg import LinearOperator

from tfapp.errors import InputError

_POINTS_PER_SIGMA = 8


@dataclass(frozen=True)
class Trace:
    """Estimate of a trace.

    Attributes:
        mean: the estimate.
        standard_error: its standard error, NaN for one probe.
        probes: number of random vectors.
    """

    mean: float
    standard_error: float
    probes: int


@dataclass(frozen=True)
class SpectralDensity:
    """Density of the eigenvalues, smoothed by a Gaussian.

    Attributes:
        grid: float64 (m,), equidistant eigenvalues.
        density: float64 (m,), integrates to 1 over the grid by the trapezoidal rule.
        nodes, weights: the Gauss quadrature that was smoothed; the weights are >= 0 and add up to 1.
        sigma: standard deviation of the Gaussian.
    """

    grid: np.ndarray
    density: np.ndarray
    nodes: np.ndarray
    weights: np.ndarray
    sigma: float

    @classmethod
    def smoothed(cls, nodes, weights, sigma: float | None = None) -> "SpectralDensity":
        """Return the density of a quadrature, on a grid that reaches 5 sigma beyond its nodes.

        Args:
            nodes, weights: float64 (m,).
            sigma: standard deviation of the Gaussian, > 0; None for 1 % of the width of the spectrum.
        """
        nodes, weights = np.asarray(nodes, np.float64), np.asarray(weights, np.float64)
        sigma = float(sigma or 0.01 * np.ptp(nodes) or 0.01 * abs(nodes[0]) or 1.0)
        low, high = nodes.min() - 5 * sigma, nodes.max() + 5 * sigma
        grid = np.linspace(low, high, 1 + math.ceil((high - low) / sigma * _POINTS_PER_SIGMA))
        density = broadened(nodes, weights, grid, sigma)
        return cls(grid, density / trapezoid(density, grid), nodes, weights, sigma)


def hessian_trace(hessian: LinearOperator, *, probes: int = 20, seed: int = 0) -> Trace:
    """Estimate the trace by the mean of z'Hz over random signs z.

    Args:
        hessian: symmetric operator of shape (n, n).
        probes: number of vectors, >= 1, and of products.
        seed: integer >= 0.

    Raises:
        InputError: `probes` < 1.

    Reference:
        M. F. Hutchinson, "A Stochastic Estimator of the Trace of the Influence Matrix for Laplacian Smoothing
        Splines", Communications in Statistics, 1989.
    """
    check_count(probes=probes)
    rng = np.random.default_rng(seed)
    values = [z @ hessian.matvec(z) for z in (_signs(rng, hessian.shape[0]) for _ in range(probes))]
    error = np.std(values, ddof=1) / math.sqrt(probes) if probes > 1 else math.nan
    return Trace(float(np.mean(values)), float(error), probes)


def spectral_density(
    hessian: LinearOperator, *, steps: int = 50, probes: int = 3, sigma: float | None = None, seed: int = 0
) -> SpectralDensity:
    """Estimate the density of all n eigenvalues by stochastic Lanczos quadrature.

    The mean over random unit vectors v of the spectral measure of v, whose Gauss quadrature the Lanczos
    iteration gives, smoothed by a Gaussian.

    Args:
        hessian: symmetric operator of shape (n, n).
        steps: Lanczos steps per vector, >= 1; they keep steps * n float64 numbers in memory.
        probes: number of vectors, >= 1. There are steps * probes products.
        sigma: standard deviation of the Gaussian, > 0; None for 1 % of the spectrum's width.
        seed: integer >= 0.

    Raises:
        InputError: an argument out of range.

    References:
        L. Lin, Y. Saad, C. Yang, "Approximating Spectral Densities of Large Matrices", SIAM Review, 2016.
        B. Ghorbani, S. Krishnan, Y. Xiao, "An Investigation into Neural Net Optimization via Hessian Eigenvalue
        Density", ICML 2019, arXiv:1901.10159.
    """
    check_count(steps=steps, probes=probes)
    if sigma is not None and not (np.isfinite(sigma) and sigma > 0):
        raise InputError(f"`sigma` must be a positive number or None. Received: sigma={sigma}.")
    rng = np.random.default_rng(seed)
    n = hessian.shape[0]
    rules = [
        gauss_quadrature(*tridiagonalised(hessian.matvec, _signs(rng, n), min(steps, n)))
        for _ in range(probes)
    ]
    nodes = np.concatenate([nodes for nodes, _ in rules])
    return SpectralDensity.smoothed(nodes, np.concatenate([weights for _, weights in rules]) / probes, sigma)


def check_count(**counts):
    for name, count in counts.items():
        if isinstance(count, bool) or not isinstance(count, Integral) or count < 1:
            raise InputError(f"`{name}` must be a positive integer. Received: {name}={count}.")


def _signs(rng, n):
    return rng.integers(0, 2, n) * 2.0 - 1.0


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
