"""Filters: what counts as one, and which parameters a direction moves.

A filter is what produces one feature map, in a dense layer one neuron (Li et al. 2018, section 4).
"""

import math
from collections.abc import Sequence

import keras

from tfapp.errors import InputError
from tfapp.landscape.directions.structure import layers_of_parameters

_L = keras.layers

# The axes that number the filters, counted from the end; the norm runs over all others. Kernels of
# transposed convolutions are (..., out, in), so theirs is -2; depthwise ones are numbered by input
# channel and multiplier. The columns of a recurrent cell are the gates of its units.
_FILTER_AXES = (
    ((_L.Conv1D, _L.Conv2D, _L.Conv3D), "kernel", (-1,)),
    ((_L.Conv1DTranspose, _L.Conv2DTranspose, _L.Conv3DTranspose), "kernel", (-2,)),
    ((_L.DepthwiseConv1D, _L.DepthwiseConv2D), "kernel", (-2, -1)),
    ((_L.SeparableConv1D, _L.SeparableConv2D), "depthwise_kernel", (-2, -1)),
    ((_L.SeparableConv1D, _L.SeparableConv2D), "pointwise_kernel", (-1,)),
    ((_L.Dense,), "kernel", (-1,)),
    ((_L.Embedding,), "embeddings", (-2,)),
    ((_L.SimpleRNNCell, _L.GRUCell, _L.LSTMCell), "kernel", (-1,)),
    ((_L.SimpleRNNCell, _L.GRUCell, _L.LSTMCell), "recurrent_kernel", (-1,)),
)

# Of layers that are not Keras's: from a class and the name of a parameter to its axes.
_REGISTERED = {}

# The cell of ConvLSTM1D, 2D and 3D, which has no public name. Its last axis, too, numbers gates of feature maps.
_CONVOLUTIONAL_CELL = "ConvLSTMCell"
# What `enable_lora` adds to a layer, whose own kernel it freezes.
_LORA = ("lora_kernel_a", "lora_kernel_b", "lora_embeddings_a", "lora_embeddings_b")

# Scales, offsets and slopes of these layers are not filters, whatever their rank.
_WITHOUT_FILTERS = (
    _L.BatchNormalization,
    _L.GroupNormalization,
    _L.LayerNormalization,
    _L.RMSNormalization,
    _L.PReLU,
)


def register_filter_axes(layer: type, parameter: str, axes: Sequence[int]) -> None:
    """Say which axes of a parameter number the filters of a layer of one's own.

    Directions that are normalised filter by filter (`landscape`, `sharpness(box="filter")`) can then move it:

        register_filter_axes(Bilinear, "form", (-1,))  # a (..., in, units) kernel: one filter for each unit

    Args:
        layer: class of the layer; its subclasses are meant too, unless they are registered themselves.
        parameter: name of the trainable parameter, as `variable.name` has it.
        axes: different negative integers, counted from the end; the norm of a filter runs over all other axes.

    Raises:
        InputError: `layer` is no class of Keras layers, or `axes` are none.
    """
    if not (isinstance(layer, type) and issubclass(layer, keras.layers.Layer)):
        raise InputError(f"`layer` must be a class of Keras layers. Received: layer={layer!r}.")
    numbering = tuple(axes) if isinstance(axes, Sequence) and not isinstance(axes, str) else ()
    if (
        not numbering
        or len(set(numbering)) < len(numbering)
        or not all(_is_from_the_end(a) for a in numbering)
    ):
        raise InputError(
            f"`axes` must be different negative integers, such as (-1,), counted from the end. Received: axes={axes!r}."
        )
    _REGISTERED[layer, parameter] = numbering


def _is_from_the_end(axis):
    return isinstance(axis, int) and not isinstance(axis, bool) and axis < 0


def norm_axes(
    model: keras.Model,
    *,
    by_filter: bool = True,
    layers: Sequence[str] | str | None = None,
    biases: bool = False,
) -> list[tuple[int, ...] | None]:
    """Say for every trainable parameter over which axes the norm of one group of weights runs.

    Args:
        model: built Keras model; it is read only.
        by_filter: a group is a filter; False: a group is the whole parameter.
        layers: names of layers, also nested ones, to which the directions are limited; a name of a model
            or wrapper stands for all that is inside. None for all layers.
        biases: move biases, parameters of normalisation layers and all others of rank 0 or 1 too, each as
            one group.

    Returns:
        One entry per entry of `model.trainable_variables`: axes >= 0, or None if it is not moved.

    Raises:
        InputError: an unknown name in `layers`, a named layer that has nothing to move, or a parameter to
            be moved by filter whose filters are not known.
    """
    chosen = _chosen(model, layers)
    axes = [
        _norm_axes(layer, variable, by_filter, biases) if chosen is None or id(variable) in chosen else None
        for variable, layer in zip(model.trainable_variables, layers_of_parameters(model), strict=True)
    ]
    moved = {id(v) for v, entry in zip(model.trainable_variables, axes, strict=True) if entry is not None}
    for name, members in _named(model, layers).items():
        if not moved & members:
            raise InputError(
                f"Layer {name!r} has only biases, normalisation or slope parameters, which are not moved; move "
                "them too with biases=True, or leave the layer out of `layers`."
            )
    return axes


def _norm_axes(layer, variable, by_filter, biases):
    rank = len(variable.shape)
    everything = tuple(range(rank))
    if rank <= 1 or variable.name == "bias" or isinstance(layer, _WITHOUT_FILTERS):
        return everything if biases else None
    if not by_filter:
        return everything
    numbering = _filter_axes(layer, variable)
    return tuple(axis for axis in everything if axis - rank not in numbering)


def _filter_axes(layer, variable):
    """Return the axes that number the filters, counted from the end."""
    for kind in type(layer).__mro__:
        if (kind, variable.name) in _REGISTERED:
            return _checked_axes(layer, variable, _REGISTERED[kind, variable.name])
    for layers, name, axes in _FILTER_AXES:
        if isinstance(layer, layers) and variable.name == name:
            return axes
    if isinstance(layer, _L.EinsumDense) and variable.name == "kernel":
        return _einsum_axes(layer.equation)
    if variable.name in _LORA and hasattr(layer, "lora_enabled"):
        return _lora_axes(layer, variable.name)
    if type(layer).__name__ == _CONVOLUTIONAL_CELL and variable.name in ("kernel", "recurrent_kernel"):
        return (-1,)
    raise InputError(
        f"Layer {layer.name!r} ({type(layer).__name__}) has a trainable parameter {variable.name!r} of shape "
        f"{tuple(variable.shape)} whose filters are not known. Expected a convolution, Dense, EinsumDense, "
        "attention, recurrent (ConvLSTM too) or Embedding layer, or factors of LoRA; say which they are by "
        "`tfapp.landscape.register_filter_axes`, use directions that are normalised layer by layer, or freeze the "
        "layer (`layer.trainable = False`) to leave it out."
    )


def _checked_axes(layer, variable, axes):
    if min(axes) < -len(variable.shape):
        raise InputError(
            f"Layer {layer.name!r} ({type(layer).__name__}) has the parameter {variable.name!r} of shape "
            f"{tuple(variable.shape)}, without the axes {axes} that are registered for it; register others."
        )
    return axes


def _lora_axes(layer, name):
    """Return the axes of a factor of `kernel + alpha / rank * a @ b` that number what it puts out.

    Those of `a` are the features of low rank (of an embedding its tokens, as of the embedding itself), those of `b`
    the filters of the layer.
    """
    if name == "lora_embeddings_a":
        return (-2,)
    if name == "lora_kernel_a" and isinstance(layer, _L.EinsumDense):
        # The last axis of the kernel has become the rank; heads keep filters of their own.
        return tuple(sorted({*_einsum_axes(layer.equation), -1}))
    return (-1,)


def _einsum_axes(equation):
    """Return the axes of the kernel that its layer's output keeps: they number the neurons, as those over
    which the equation sums run through the weights of one neuron.

    >>> _einsum_axes("abc,cde->abde")  # query of an attention layer: heads and features of a head
    (-2, -1)
    """
    inputs, output = equation.split("->")
    kernel = inputs.split(",")[1]
    return tuple(axis - len(kernel) for axis, letter in enumerate(kernel) if letter in output)


def group_size(shape: Sequence[int], axes: tuple[int, ...]) -> int:
    """Return the number of weights of one group."""
    return math.prod(shape[axis] for axis in axes)


def _chosen(model, layers):
    return None if layers is None else set().union(*_named(model, layers).values())


def _named(model, names):
    """Return for each name the ids of the trainable variables inside the layers of that name."""
    if names is None:
        return {}
    members = {}
    for layer in model._flatten_layers(include_self=False):
        if layer.trainable_variables:
            members.setdefault(layer.name, set()).update(map(id, layer.trainable_variables))
    names = [names] if isinstance(names, str) else list(names)
    unknown = [name for name in names if name not in members]
    if unknown or not names:
        raise InputError(
            f"`layers` must name layers with trainable parameters. Received: {unknown or names}; known are "
            f"{', '.join(members)}."
        )
    return {name: members[name] for name in names}
