"""What the first layers of a model do to the values of its image: scale and shift them, or something else."""

from typing import NamedTuple

import keras
import numpy as np

from tfapp.layers.tv.attach import call_of, inputs_of, is_functional

# By name, as the operations of `keras.ops` have no public class. They leave the values of an image as they are, the
# layers of training data (`Random...`) wherever a model predicts.
_UNCHANGED = (
    *("InputLayer", "Identity", "Cast", "Copy", "StopGradient", "GetItem", "Repeat", "Tile"),
    *("Concatenate", "Stack", "Split", "Unstack"),
    *("Dropout", "SpatialDropout2D", "GaussianDropout", "AlphaDropout", "GaussianNoise"),
    *("MixUp", "CutMix", "RandAugment", "AugMix"),
    *("Resizing", "Resize", "PadToStride", "ResizeTo", "UpSampling2D", "MaxPooling2D", "AveragePooling2D"),
    *("ZeroPadding2D", "Pad", "Cropping2D", "CenterCrop"),
    *("Flip", "Rot90", "Transpose", "Permute", "Moveaxis", "Swapaxes", "ExpandDims", "Squeeze"),
)
_CLIPPED = ("Clip", "Maximum", "Minimum")
# The range of what goes in can hardly be told from what comes out.
NORMALISING = ("LayerNormalization", "GroupNormalization", "UnitNormalization")
_BY_CONSTANT = {
    "Multiply": lambda scale, offset, constant: (scale * constant, offset * constant),
    "TrueDivide": lambda scale, offset, constant: (scale / constant, offset / constant),
    "Divide": lambda scale, offset, constant: (scale / constant, offset / constant),
    "Add": lambda scale, offset, constant: (scale, offset + constant),
    "Subtract": lambda scale, offset, constant: (scale, offset - constant),
}
# No image in [0, 1] or of unit variance has such means and deviations.
_LARGE_MEAN, _LARGE_DEVIATION = 2.0, 4.0
# Nor has a trained convolution of an image in [0, 1] such small weights only.
_SMALL_WEIGHT = 0.02
# How far behind a layer that is not understood it is looked for scaling, while what it gives may be an image.
_OPERATIONS_BEHIND, _MOST_CHANNELS = 4, 4


class Step(NamedTuple):
    """How a branch of a model scales and shifts the image, up to its first layer that does more.

    Attributes:
        scale, offset: It gives `scale * image + offset`, numbers or one for each channel.
        layers: Names of the layers that scale, shift and clip, with commas between them.
        top: The image value that it clips at, or None.
        behind: Name of a layer before these that does more, or "": the numbers are of what that layer gives.
        next: The first other layer, or None where the model ends.
    """

    scale: np.ndarray | float = 1.0
    offset: np.ndarray | float = 0.0
    layers: str = ""
    top: float | None = None
    behind: str = ""
    next: object = None

    def changes(self):
        """Return whether it scales or shifts at all."""
        return bool(np.any(np.not_equal(self.scale, 1.0)) or np.any(self.offset))


class _Level(NamedTuple):
    consumers: dict
    ends: dict  # the tensor outside, by the id of the output of a model inside the model


def first_steps(model):
    """Return the `Step` of each branch that takes the image, through models inside the model.

    Args:
        model: Functional Keras model, or `Sequential`, of one image.
    """
    found = []

    def follow(tensor, step, levels, left):
        consumers, ends = levels[-1]
        for operation, arguments, output in consumers.get(id(tensor), ()):
            if is_functional(operation) and len(operation.inputs) == 1:
                inside = operation.outputs[call_of(output)[2]]
                level = _Level(_consumers(operation), {id(inside): output})
                follow(inputs_of(operation), step, [*levels, level], left)
                continue
            after = _after(operation, arguments, step)
            if after is not None:
                follow(output, after, levels, left)
                continue
            found.append(step._replace(next=operation))
            if not (step.changes() or step.top) and left and _may_be_image(output):
                follow(output, Step(behind=step.behind or operation.name), levels, left - 1)
        if id(tensor) in ends:
            follow(ends[id(tensor)], step, levels[:-1], left)
        elif id(tensor) in outputs:
            found.append(step)

    outputs = {id(output) for output in model.outputs}
    follow(inputs_of(model), Step(), [_Level(_consumers(model), {})], _OPERATIONS_BEHIND)
    return found


def _may_be_image(tensor):
    channels = tensor.shape[-1] if len(tensor.shape) == 4 else None
    return channels is not None and channels <= _MOST_CHANNELS


def _consumers(model):
    """Return by the id of each symbolic tensor what takes it: (operation, arguments, output) of each call."""
    consumers, seen, waiting = {}, set(), list(model.outputs)
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, arguments, _ = call_of(tensor)
        sources = {id(source): source for source in arguments.keras_tensors} if operation else {}
        for source in sources.values():
            consumers.setdefault(id(source), []).append((operation, arguments, tensor))
            waiting.append(source)
    return consumers


def _after(operation, arguments, step):
    """Return the step with one more operation, or None if that does more than to scale, shift and clip."""
    name = type(operation).__name__
    if name in _UNCHANGED or name.startswith("Random") or _is_linear_activation(operation):
        return step
    if isinstance(operation, keras.layers.Pipeline):
        for layer in operation.layers:
            step = step and _after(layer, arguments, step)
        return step
    layers = f"{step.layers}, {operation.name}" if step.layers else operation.name
    if name in _CLIPPED:
        return _clipped(operation, arguments, step, layers)
    try:
        scaled = _scaled(operation, arguments, step)
    except ValueError:  # channels were joined or taken apart in between
        means = step._replace(scale=np.mean(step.scale), offset=np.mean(step.offset))
        scaled = _scaled(operation, arguments, means)
    return None if scaled is None else step._replace(scale=scaled[0], offset=scaled[1], layers=layers)


def _is_linear_activation(operation):
    return isinstance(operation, keras.layers.Activation) and operation.activation is keras.activations.linear


def _clipped(operation, arguments, step, layers):
    # `keras.ops.clip` keeps its bounds itself; the others have one as an argument.
    values = [*arguments.args, *arguments.kwargs.values(), getattr(operation, "x_max", None)]
    bounds = [np.asarray(one, float) for one in values if one is not None and not _is_symbolic(one)]
    if step.changes() or len(bounds) != 1 or bounds[0].size != 1 or type(operation).__name__ == "Maximum":
        return step
    return step._replace(top=float(bounds[0].ravel()[0]), layers=layers)


def _is_symbolic(value):
    return isinstance(value, keras.KerasTensor)


def _scaled(operation, arguments, step):
    """Return the scale and the offset after an operation, or None."""
    scale, offset = step.scale, step.offset
    if isinstance(operation, keras.layers.Rescaling):
        by, shift = (np.asarray(value, float) for value in (operation.scale, operation.offset))
        return scale * by, offset * by + shift
    if isinstance(operation, keras.layers.Normalization):
        return None if operation.invert else _standardised(step, *_arrays(operation.mean, operation.variance))
    if not step.behind and isinstance(operation, keras.layers.BatchNormalization):
        mean, variance = _arrays(operation.moving_mean, operation.moving_variance)
        if np.abs(mean).max() <= _LARGE_MEAN and np.sqrt(variance.max()) <= _LARGE_DEVIATION:
            return None
        return _standardised(step, mean, variance + operation.epsilon)
    if not step.behind and isinstance(operation, _CONVOLUTIONS):
        return _convolved(operation, step)
    return _with_constant(type(operation).__name__, [*arguments.args, *arguments.kwargs.values()], step)


def _arrays(*values):
    return [np.asarray(keras.ops.convert_to_numpy(value), float) for value in values]


def _standardised(step, mean, variance):
    deviation = np.maximum(np.sqrt(variance), keras.config.epsilon())
    return step.scale / deviation, (step.offset - mean) / deviation


def _with_constant(name, operands, step):
    if name not in _BY_CONSTANT or len(operands) != 2 or sum(map(_is_symbolic, operands)) != 1:
        return None
    scale, offset = step.scale, step.offset
    if _is_symbolic(operands[0]):
        return _BY_CONSTANT[name](scale, offset, np.asarray(operands[1], float))
    constant = np.asarray(operands[0], float)
    if name == "Subtract":
        return -np.asarray(scale), constant - offset
    return _BY_CONSTANT[name](scale, offset, constant) if name in ("Multiply", "Add") else None


_CONVOLUTIONS = (keras.layers.Conv2D, keras.layers.DepthwiseConv2D, keras.layers.Dense)


def _convolved(layer, step):
    """Return the scale and the offset after a convolution that only divides and shifts, as its weights tell."""
    if layer.kernel.shape[-2] > _MOST_CHANNELS or layer.activation is not keras.activations.linear:
        return None
    (kernel,) = _arrays(layer.kernel)
    bias = _arrays(layer.bias)[0] if layer.use_bias else 0.0
    if isinstance(layer, keras.layers.DepthwiseConv2D):
        kernel = kernel.reshape(-1, kernel.shape[-2] * kernel.shape[-1])  # (places, channels)
        if layer.depth_multiplier != 1 or not (_is_small(kernel) or _is_large(kernel, bias)):
            return None
        return step.scale * np.abs(kernel).sum(0), step.offset * kernel.sum(0) + bias
    kernel = kernel.reshape(-1, *kernel.shape[-2:])  # (places, channels in, channels out)
    if len(kernel) != 1 or not (_is_small(kernel) or _permutes(kernel[0])):
        return None
    ins = kernel.shape[1]
    scale, offset = (np.broadcast_to(value, (ins,)) for value in (step.scale, step.offset))
    return scale @ np.abs(kernel[0]), offset @ kernel[0] + bias


def _is_small(kernel):
    return 0 < np.abs(kernel).max() <= _SMALL_WEIGHT


def _is_large(kernel, bias):
    return len(kernel) == 1 and np.abs(bias).max() > _LARGE_MEAN


def _permutes(matrix):
    """Return whether each of several channels goes to one other, which no training makes of a kernel."""
    return matrix.shape[0] == matrix.shape[1] > 1 and bool(((matrix != 0).sum(0) == 1).all())
