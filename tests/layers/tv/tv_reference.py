"""The TV problems in NumPy: sparse difference matrices on flattened maps, nothing shared with the layers.

Maps here are single samples (*spatial, classes); a dual field is (axes, classes, *spatial).
"""

from functools import lru_cache

import numpy as np
from scipy import sparse
from scipy.special import entr, logsumexp


@lru_cache(maxsize=64)
def difference_matrices(size, spacing=None):
    """Return D as one sparse matrix for every spatial axis, for maps flattened in row-major order."""
    matrices = []
    for axis, h in enumerate(spacing or [1.0] * len(size)):
        one = sparse.diags([-np.ones(size[axis]), np.ones(size[axis] - 1)], [0, 1], format="lil")
        one[-1] = 0  # no neighbour past the border
        parts = [one / h if other == axis else sparse.identity(n) for other, n in enumerate(size)]
        whole = parts[0]
        for part in parts[1:]:
            whole = sparse.kron(whole, part)
        matrices.append(sparse.csr_matrix(whole))
    return matrices


def differences(a, spacing=None):
    """Return D a, (axes, *spatial, classes)."""
    flat = a.reshape(-1, a.shape[-1])
    return np.stack([(d @ flat).reshape(a.shape) for d in difference_matrices(a.shape[:-1], spacing)])


def divergence(field, spacing=None):
    """Return -D^T p of a field (axes, classes, *spatial) as a map (*spatial, classes)."""
    classes, *size = field.shape[1:]
    matrices = difference_matrices(tuple(size), spacing)
    total = sum(-d.T @ part.reshape(classes, -1).T for d, part in zip(matrices, field, strict=True))
    return total.reshape(*size, classes)


def lengths(a, isotropic, spacing=None):
    """Return |D a| at every pixel and class."""
    d = differences(a, spacing)
    return np.sqrt((d**2).sum(0)) if isotropic else abs(d).sum(0)


def softmax(u):
    return np.exp(u - logsumexp(u, axis=-1, keepdims=True))


def sigmoid(u):
    return np.exp(-np.logaddexp(0, -u))


def relu(u):
    return np.maximum(u, 0)


VALUES = {"softmax": softmax, "sigmoid": sigmoid, "relu": relu, "tanh": np.tanh}
# Phi, conjugate of what the dual problem sums, and phi itself.
POTENTIALS = {
    "softmax": (lambda a: -entr(a), lambda u: logsumexp(u, axis=-1)),
    "sigmoid": (lambda a: -entr(a) - entr(1 - a), lambda u: np.logaddexp(0, u)),
    "relu": (lambda a: a**2 / 2, lambda u: relu(u) ** 2 / 2),
}


def primal_energy(potential, a, o, weight, isotropic=True, spacing=None):
    """Return Phi(A) - <o, A> + sum lambda |D A|."""
    terms = weight * lengths(a, isotropic, spacing)
    return (POTENTIALS[potential][0](a) - o * a).sum() + terms.sum()


def dual_energy(potential, o, field, spacing=None):
    """Return -sum phi(o - div zeta), which no primal energy is below."""
    return -POTENTIALS[potential][1](o - divergence(field, spacing)).sum()
