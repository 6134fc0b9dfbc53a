"""What each layer reads of its input to give one value, one axis at a time: the rules of `tfapp.models.reach`."""

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

import keras

from tfapp.errors import InputError
from tfapp.layers import CropLike, MaxPoolWithIndices, MaxUnpooling2D, PadToStride, SoftThresholdDynamics
from tfapp.layers.tv.layer import TVLayer
from tfapp.models.in_place_trial import keeps_to_its_pixel


class NoMargin(InputError):
    """Tiles cannot have the answer of the whole image, or nobody can tell which margin they need.

    Attributes:
        whole: Whether a layer needs the whole image, so that no margin will do.
    """

    def __init__(self, sentence, whole):
        super().__init__(sentence)
        self.whole = whole


class Grid(NamedTuple):
    """Where the values of a feature map lie along one axis of an image whose size is a multiple of the stride.

    Attributes:
        scale: Pixels of the image from one value to the next.
        extra: Values that it has more than image size / scale.
        is_pixels: Whether each value depends on the pixel in its place alone.
        is_cropped: Whether it ends at the border of the image, as tiles, which see it mirrored further, do not.
    """

    scale: Fraction = Fraction(1)
    extra: int = 0
    is_pixels: bool = True
    is_cropped: bool = False


class Window(NamedTuple):
    """What a layer reads along one axis.

    Attributes:
        first: Function of the index of a value: the first index of the input that it depends on.
        last: The last one.
        grid: `Grid` of what the layer gives.
    """

    first: Callable
    last: Callable
    grid: Grid


def window_of(operation, sources, axis):
    """Return the `Window` of a call of a layer or operation.

    Args:
        operation: Keras layer or operation, no model.
        sources: `Grid` of each tensor that it takes, at least one.
        axis: 0 for rows, 1 for columns.

    Raises:
        NoMargin: It needs the whole image, or what it reads is not known.
    """
    if not _is_from(type(operation), _LAYERS_OF):
        # One of Keras that somebody derived from may do anything.
        raise _unknown(operation, "is of somebody's own")
    if getattr(operation, "data_format", None) == "channels_first":
        raise _unknown(operation, "has its channels first")
    activation = getattr(operation, "activation", None)
    if activation is not None and not _is_from(activation, _ACTIVATIONS_OF):
        raise _unknown(operation, "has an activation of somebody's own")
    for kind, rule in _RULES:
        if isinstance(operation, kind):
            return rule(operation, sources, axis)
    for kind, rule in _AROUND:
        if isinstance(operation, kind):
            if sources[0].is_cropped:
                raise _whole(operation, "looks around pixels behind a crop to the image")
            return rule(operation, sources, axis)
    name = type(operation).__name__
    if name in _WHOLE:
        raise _whole(operation, _WHOLE[name])
    if name == "ResizeLike":
        if sources[0].is_cropped and sources[0].scale != sources[1].scale:
            raise _whole(operation, "resizes what was cropped to the image")
        return _resized_like(operation, sources)
    if name in _ALONG_AXIS:
        _check_axis(operation)
        return _same_place(operation, sources)
    if name in _IN_PLACE or (name.startswith("Random") and name != "RandomCrop"):
        return _same_place(operation, sources)
    raise _unknown(operation, "is not known")


def check_by_value(operation, arguments):
    """Try whether what is taken to work pixel by pixel does so: an operation known by its name, an activation.

    Args:
        operation: Keras layer or operation, no model.
        arguments: What it is called with in the graph of a network.

    Raises:
        NoMargin: A change of one pixel changes others.
    """
    tensors = arguments.keras_tensors
    activation = getattr(operation, "activation", None)
    if _is_named(operation):
        places = {id(tensor): place for place, tensor in enumerate(tensors)}

        def call(arrays):
            args, kwargs = arguments.convert(
                lambda one: arrays[places[id(one)]] if id(one) in places else one,
            )
            return operation(*args, **kwargs)

        if not keeps_to_its_pixel(call, tensors):
            raise _whole(operation, "looks at other pixels too")
    elif activation is not None and not _activation_keeps_to_its_pixel(activation):
        raise _whole(operation, f"has an activation, {_name_of(activation)}, that looks at other pixels too")


@lru_cache(maxsize=64)
def _activation_keeps_to_its_pixel(activation):
    # A network has few of them, in many layers.
    return keeps_to_its_pixel(
        lambda arrays: activation(arrays[0]), [keras.KerasTensor((None, None, None, 3))]
    )


def _is_named(operation):
    known = any(isinstance(operation, kind) for kind, _ in (*_RULES, *_AROUND))
    return not known and (type(operation).__name__ in (*_ALONG_AXIS, *_IN_PLACE))


def _name_of(function):
    return getattr(function, "__name__", type(function).__name__)


def _is_from(thing, packages):
    return (getattr(thing, "__module__", None) or "").partition(".")[0] in packages


def _whole(operation, what):
    return NoMargin(
        f"Layer {operation.name} ({type(operation).__name__}) {what}, so that tiles would get other labels than the "
        "whole image; use `tile` off.",
        whole=True,
    )


def _unknown(operation, what):
    return NoMargin(
        f"What layer {operation.name} ({type(operation).__name__}) reads around a pixel cannot be computed: it {what}; "
        "say by `margin` how many pixels tiles shall overlap at each side, or use `tile` off.",
        whole=False,
    )


def _same_place(operation, sources):
    if any(source[:2] != sources[0][:2] for source in sources):
        raise _unknown(operation, "joins feature maps of different sizes")
    grid = sources[0]._replace(
        is_pixels=all(source.is_pixels for source in sources),
        is_cropped=any(source.is_cropped for source in sources),
    )
    return Window(lambda index: index, lambda index: index, grid)


def _read(grid, kernel, stride, before, length):
    """Return the window of a layer whose value j reads `kernel` values from j * stride - before on."""
    return Window(
        lambda index: index * stride - before,
        lambda index: index * stride - before + kernel - 1,
        Grid(grid.scale * stride, length, False),
    )


def _convolution_like(kernel, stride, padding, operation, grid):
    if padding == "valid":
        return _read(grid, kernel, stride, 0, (grid.extra - kernel) // stride + 1)
    if padding != "same":
        raise _unknown(operation, f"has the padding {padding}")
    length = -(-grid.extra // stride)
    before = max((length - 1) * stride + kernel - grid.extra, 0) // 2
    return _read(grid, kernel, stride, before, length)


def _convolution(layer, sources, axis):
    kernel = (layer.kernel_size[axis] - 1) * layer.dilation_rate[axis] + 1
    return _convolution_like(kernel, layer.strides[axis], layer.padding, layer, sources[0])


def _pooling(layer, sources, axis):
    return _convolution_like(layer.pool_size[axis], layer.strides[axis], layer.padding, layer, sources[0])


def _spread(grid, kernel, stride, before, extra):
    """Return the window of a layer that adds input i to the values from i * stride - before on, `kernel` of them."""
    return Window(
        lambda index: -(-(index + before - kernel + 1) // stride),
        lambda index: (index + before) // stride,
        Grid(grid.scale / stride, extra, False),
    )


def _transposed(layer, sources, axis):
    kernel, stride, grid = layer.kernel_size[axis], layer.strides[axis], sources[0]
    if layer.output_padding is not None or layer.dilation_rate[axis] != 1:
        raise _unknown(layer, "is a transposed convolution with `output_padding` or `dilation_rate`")
    missing = max(kernel - stride, 0)
    if layer.padding == "same":
        return _spread(grid, kernel, stride, missing // 2, grid.extra * stride)
    return _spread(grid, kernel, stride, 0, grid.extra * stride + missing)


def _unpooling(layer, sources, axis):
    stride = layer.strides[axis]
    if layer.pool_size[axis] != stride or sources[0].extra:
        raise _unknown(layer, "puts back maxima of windows that overlap")
    return _spread(sources[0], stride, stride, 0, 0)


def _upsampling(layer, sources, axis):
    if layer.interpolation == "nearest":
        times, grid = layer.size[axis], sources[0]
        return _spread(grid, times, times, 0, grid.extra * times)
    if layer.interpolation == "bilinear":
        return _interpolated(layer, sources[0], layer.size[axis])
    raise _unknown(layer, f"interpolates by {layer.interpolation}")


def _interpolated(operation, grid, times):
    """Return the window of a bilinear interpolation between the centres of pixels."""
    # Other factors are no sums of powers of two: positions would be rounded otherwise in a tile than in the image.
    if grid.extra or times < 1 or times & (times - 1):
        raise _unknown(operation, f"interpolates by a factor of {times}")
    if times == 1:
        return Window(lambda index: index, lambda index: index, grid)
    first = lambda index: (2 * index + 1 - times) // (2 * times)  # noqa: E731
    return Window(first, lambda index: first(index) + 1, Grid(grid.scale / times, 0, False))


def _resized_like(operation, sources):
    grid, like = sources
    times = grid.scale / like.scale
    if like.extra or times.denominator != 1:
        raise _unknown(operation, "makes a feature map smaller")
    return _interpolated(operation, grid, int(times))


def _zero_padding(layer, sources, axis):
    before, after = layer.padding[axis]
    return _read(sources[0], 1, 1, before, sources[0].extra + before + after)


def _cropping(layer, sources, axis):
    before, after = layer.cropping[axis]
    return _read(sources[0], 1, 1, -before, sources[0].extra - before - after)


def _mirrored(layer, sources, axis):
    # In a tile, whose sides are multiples of the stride, it does nothing; the whole image is mirrored before it is cut.
    if not sources[0].is_pixels or sources[0].extra:
        raise _unknown(layer, "mirrors feature maps")
    return _same_place(layer, sources)


def _cropped_like(layer, sources, axis):
    grid, like = sources
    if grid.scale != like.scale or (grid.extra and like.is_pixels):
        raise _unknown(layer, "crops to a feature map of another scale")
    before = (grid.extra - like.extra) // 2
    cropped = like._replace(is_pixels=False, is_cropped=like.is_pixels or grid.is_cropped or like.is_cropped)
    return Window(lambda index: index + before, lambda index: index + before, cropped)


def halo_of(layer):
    """Return how many pixels around a pixel a TV layer looks: each of a fixed number of iterations some further.

    The dual field of a pixel is made of its own and its neighbours' of the iteration before; it begins with zero.

    Raises:
        NoMargin: The layer decides by the whole image when it stops or how it goes on.
    """
    stops_early = layer.tolerance is not None or layer.label_tolerance is not None
    if stops_early or layer.method == "preconditioned-fista":
        raise _unknown(layer, "decides by the whole image how it iterates")
    if layer.volumes is not None:
        raise _whole(layer, "keeps shares of the whole image")
    reach = 1 if layer.operator is None else layer.operator.reach
    if reach is None:
        raise _unknown(layer, f"has the operator {layer.operator!r}, which tells no `reach`")
    return reach * layer.inference_iterations


def _regularised(layer, sources, axis):
    if any(source[:2] != sources[0][:2] for source in sources):
        raise _unknown(layer, "joins feature maps of different sizes")
    far = halo_of(layer)
    if len(sources) > 1:
        # A guide enters by its differences, which look one pixel further, or through the operator.
        far += 1 if layer.operator is None else max(layer.operator.guide_reach, 1)
    grid = sources[0]._replace(is_pixels=False)
    return Window(lambda index: index - far, lambda index: index + far, grid)


def _smoothed(layer, sources, axis):
    far = layer.halo
    return Window(lambda index: index - far, lambda index: index + far, sources[0]._replace(is_pixels=False))


def _normalised(layer, sources, axis):
    if layer.axis not in (-1, 3, [-1], [3], (-1,), (3,)):
        raise _whole(layer, "normalises by statistics of the image")
    return _same_place(layer, sources)


def _batch_normalised(layer, sources, axis):
    _check_axis(layer)
    return _same_place(layer, sources)


def _parametric(layer, sources, axis):
    if not {1, 2} <= set(layer.shared_axes or ()):
        raise _whole(layer, "has a weight for each pixel of the image")
    return _same_place(layer, sources)


def _check_axis(operation):
    axis = getattr(operation, "axis", -1)
    axes = axis if isinstance(axis, tuple | list) else (axis,)
    if any(one not in (-1, 3) for one in axes):
        raise _whole(operation, "works along the rows, the columns or the batch")


_RULES = (
    (PadToStride, _mirrored),
    (CropLike, _cropped_like),
    ((keras.layers.LayerNormalization, keras.layers.UnitNormalization), _normalised),
    (keras.layers.BatchNormalization, _batch_normalised),
    (keras.layers.PReLU, _parametric),
)
_AROUND = (
    (TVLayer, _regularised),
    (SoftThresholdDynamics, _smoothed),
    (MaxPoolWithIndices, _pooling),
    (MaxUnpooling2D, _unpooling),
    (keras.layers.Conv2DTranspose, _transposed),
    ((keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.SeparableConv2D), _convolution),
    ((keras.layers.MaxPooling2D, keras.layers.AveragePooling2D), _pooling),
    (keras.layers.UpSampling2D, _upsampling),
    (keras.layers.ZeroPadding2D, _zero_padding),
    (keras.layers.Cropping2D, _cropping),
)
_LAYERS_OF = ("keras", "tfapp")
# Also where a layer is made with `tf.nn.relu`.
_ACTIVATIONS_OF = ("keras", "tensorflow")
_POOLS = "looks at the whole image at once"
_WHOLE = {
    **dict.fromkeys(("GlobalAveragePooling2D", "GlobalMaxPooling2D"), _POOLS),
    **dict.fromkeys(("AdaptiveAveragePooling2D", "AdaptiveMaxPooling2D", "Flatten", "Reshape"), _POOLS),
    **dict.fromkeys(("Attention", "AdditiveAttention", "MultiHeadAttention"), _POOLS),
    **dict.fromkeys(("GroupedQueryAttention", "GroupQueryAttention", "ConvLSTM2D", "LSTM", "GRU"), _POOLS),
    "GroupNormalization": "normalises by statistics of the image",
    **dict.fromkeys(("Resizing", "Resize", "ResizeTo", "CenterCrop"), "brings every image to one size"),
}
# By name, as the operations of `keras.ops` have no public class.
_ALONG_AXIS = (
    *("Softmax", "LogSoftmax", "Concatenate", "Normalization"),
    *("Mean", "Sum", "Max", "Min", "Amax", "Amin", "Prod", "Std", "Var", "Logsumexp", "Split"),
)
_IN_PLACE = (
    *("Identity", "Cast", "Copy", "StopGradient", "Activation", "Dense", "Rescaling"),
    *("Dropout", "SpatialDropout2D", "GaussianDropout", "AlphaDropout", "GaussianNoise"),
    *(
        "ReLU",
        "LeakyReLU",
        "ELU",
        "Relu",
        "Relu6",
        "LeakyRelu",
        "Elu",
        "Selu",
        "Gelu",
        "Silu",
        "HardSwish",
        "HardSilu",
    ),
    *("Sigmoid", "HardSigmoid", "LogSigmoid", "Tanh", "HardTanh", "Softplus", "Softsign", "Mish", "Celu"),
    *(
        "Add",
        "Subtract",
        "Multiply",
        "Divide",
        "TrueDivide",
        "Average",
        "Maximum",
        "Minimum",
        "Power",
        "Where",
    ),
    *(
        "Negative",
        "Absolute",
        "Exp",
        "Expm1",
        "Log",
        "Log1p",
        "Sqrt",
        "Rsqrt",
        "Square",
        "Reciprocal",
        "Round",
        "Clip",
    ),
    *("SimplexProjection", "ProbabilityLogits", "ActivityRegularization"),
)
