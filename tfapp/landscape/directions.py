"""Random directions in weight space, normalised filter by filter.

A plot of f(w + alpha*u + beta*v) compares two networks only if u and v have the networks' own scale:
ReLU and batch normalisation let one rescale a filter without changing the function. Li et al. give
every filter of a Gaussian direction the norm of the same filter of the solution,

    d_j <- d_j / (|d_j| + 1e-10) * |w_j|.

References:
    Hao Li, Zheng Xu, Gavin Taylor, Christoph Studer, Tom Goldstein: Visualizing the Loss Landscape of
    Neural Nets. NeurIPS 2018, arXiv:1712.09913.
"""

import keras
import numpy as np

from tfapp.errors import InputError

_TINY = 1e-10

# The axes that number the filters, counted from the end; the norm runs over all others. A filter is
# what produces one feature map, in a dense layer one neuron, so transposed convolutions, whose kernels
# are (..., out, in), number theirs on axis -2, and depthwise ones on input channel and multiplier.
_FILTER_AXES = (
    ((keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D), "kernel", (-1,)),
    (
        (keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose),
        "kernel",
        (-2,),
    ),
    ((keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D), "kernel", (-2, -1)),
    ((keras.layers.SeparableConv1D, keras.layers.SeparableConv2D), "depthwise_kernel", (-2, -1)),
    ((keras.layers.SeparableConv1D, keras.layers.SeparableConv2D), "pointwise_kernel", (-1,)),
    ((keras.layers.Dense,), "kernel", (-1,)),
    ((keras.layers.Embedding,), "embeddings", (-2,)),
)

# Scales, offsets and slopes of these layers are not filters, whatever their rank.
_WITHOUT_FILTERS = (
    keras.layers.BatchNormalization,
    keras.layers.GroupNormalization,
    keras.layers.LayerNormalization,
    keras.layers.RMSNormalization,
    keras.layers.PReLU,
)


def filter_normalised_direction(model: keras.Model, seed: int) -> list[np.ndarray]:
    """Draw one Gaussian direction with the norm of every filter of the model.

    Biases, parameters of normalisation layers and all other parameters of rank 0 or 1 get zeros: they
    have no filter to be measured by. Moving statistics are not trainable and do not appear at all.

    Args:
        model: built Keras model; it is read only.
        seed: integer >= 0. Variable number k is drawn by `np.random.default_rng([seed, k])`, so that
            the direction of a layer does not depend on the sizes of the layers before it.

    Returns:
        One float32 array per entry of `model.trainable_variables`, in that order and of that shape.

    Raises:
        InputError: a parameter of rank 2 or more belongs to a layer whose filters are not known.
    """
    owners = _owners(model)
    return [
        _draw(variable, _filter_axes(owners[id(variable)], variable), [seed, index])
        for index, variable in enumerate(model.trainable_variables)
    ]


def direction_figures(model: keras.Model, u: list[np.ndarray], v: list[np.ndarray]) -> dict[str, float]:
    """Say in numbers what a step of length 1 along each of two directions means.

    Args:
        model: the model for which `u` and `v` were drawn.
        u, v: arrays as `filter_normalised_direction` returns them.

    Returns:
        `relative_length_u`, `relative_length_v`: |u| / |w| and |v| / |w| over the perturbed weights,
        1 up to rounding: the unit of the axes is 100 % of the norm of every filter.
        `cosine`: of the angle between u and v, near 0 in high dimension.
        `share_perturbed`: perturbed parameters / trainable parameters, in [0, 1].
    """
    weights = [variable.numpy().astype(np.float64) for variable in model.trainable_variables]
    moved = [bool(a.any() or b.any()) for a, b in zip(u, v, strict=True)]
    norm_w = _norm([w for w, is_moved in zip(weights, moved, strict=True) if is_moved])
    norm_u, norm_v = _norm(u), _norm(v)
    inner = sum(float(np.vdot(a.astype(np.float64), b)) for a, b in zip(u, v, strict=True))
    counts = np.array([w.size for w in weights])
    return {
        "relative_length_u": norm_u / (norm_w + _TINY),
        "relative_length_v": norm_v / (norm_w + _TINY),
        "cosine": inner / (norm_u * norm_v + _TINY),
        "share_perturbed": float(counts[moved].sum() / counts.sum()),
    }


def _owners(model):
    """Map id(variable) to the innermost layer that created the variable."""
    owners = {}
    # Keras has no public walk through layers nested in models, wrappers and composite layers.
    for layer in model._flatten_layers():
        nested = layer._flatten_layers(include_self=False)
        inner = {id(variable) for sublayer in nested for variable in sublayer.variables}
        owners |= {id(w): layer for w in layer.trainable_variables if id(w) not in inner}
    return owners


def _filter_axes(layer, variable):
    """Return the axes that number the filters, or None for a parameter that is not perturbed."""
    if len(variable.shape) <= 1 or isinstance(layer, _WITHOUT_FILTERS):
        return None
    for layers, name, axes in _FILTER_AXES:
        if isinstance(layer, layers) and variable.name == name:
            return axes
    raise InputError(
        f"Layer {layer.name!r} ({type(layer).__name__}) has a trainable parameter {variable.name!r} of shape "
        f"{tuple(variable.shape)} whose filters are not known. Expected a convolution, Dense or Embedding "
        "layer; freeze the layer (`layer.trainable = False`) to leave it out of the directions."
    )


def _draw(variable, filter_axes, seed):
    if filter_axes is None:
        return np.zeros(tuple(variable.shape), np.float32)
    rank = len(variable.shape)
    axes = tuple(axis for axis in range(rank) if axis - rank not in filter_axes)
    gaussian = np.random.default_rng(seed).standard_normal(tuple(variable.shape))
    return (gaussian / (_filter_norm(gaussian, axes) + _TINY) * _filter_norm(variable.numpy(), axes)).astype(
        np.float32
    )


def _filter_norm(array, axes):
    return np.sqrt(np.sum(np.square(array, dtype=np.float64), axis=axes, keepdims=True))


def _norm(arrays):
    return float(np.sqrt(sum(np.sum(np.square(array, dtype=np.float64)) for array in arrays)))
