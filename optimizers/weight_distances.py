"""Distances between many vectors of weights."""

import numpy as np

# Columns at a time: the whole in float64 would take twice the memory of the vectors.
_COLUMNS = 65536
# Below this share of their squares a squared distance is rounding.
_ROUNDING = 1e-14


def pair_distances(vectors):
    """Return the Euclidean distances of all pairs of vectors, in the order of `np.triu_indices(n, 1)`.

    Computed from inner products in float64, relative to the first vector. Vectors nearer to each other than 1e-7 of
    their distance to it are said to coincide; at ten times that, a distance has 2 correct digits.

    Args:
        vectors: Sequence of n float32 arrays `(weights,)`.
    """
    products = np.zeros((len(vectors), len(vectors)))
    for start in range(0, vectors[0].size, _COLUMNS):
        part = np.stack([vector[start : start + _COLUMNS] for vector in vectors]).astype(np.float64)
        part -= part[0]
        products += part @ part.T
    squares = np.diag(products)
    i, j = np.triu_indices(len(vectors), 1)
    found = squares[i] + squares[j] - 2 * products[i, j]
    return np.sqrt(np.where(found > _ROUNDING * (squares[i] + squares[j]), found, 0.0))
