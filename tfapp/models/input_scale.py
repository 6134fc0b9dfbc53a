"""What a model takes for white, as its input and its first layers declare it."""

import warnings
from typing import NamedTuple

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.layers.tv.attach import call_of, inputs_of, is_functional

# White of images as floats, 8-bit and 16-bit numbers.
WHITES = (1.0, 255.0, 65535.0)
_OF_INTEGERS = {"uint8": 255.0, "uint16": 65535.0}
# White less black behind the first layers: [0, 1], [-1, 1], or some standard deviations of natural images, about 4.4.
_LEAST_RANGE, _LARGEST_RANGE = 0.4, 8.0
# By name, as the operations of `keras.ops` have no public class. They leave the values of an image as they are.
_UNCHANGED = (
    *(
        "InputLayer",
        "Identity",
        "Cast",
        "Dropout",
        "GaussianNoise",
        "GetItem",
        "Resizing",
        "Resize",
        "PadToStride",
    ),
    *("ResizeTo", "ZeroPadding2D", "Cropping2D", "CenterCrop", "RandomFlip", "RandomCrop", "RandomRotation"),
    *("RandomTranslation", "RandomZoom"),
)
_BY_CONSTANT = {
    "Multiply": lambda scale, offset, constant: (scale * constant, offset * constant),
    "TrueDivide": lambda scale, offset, constant: (scale / constant, offset / constant),
    "Divide": lambda scale, offset, constant: (scale / constant, offset / constant),
    "Add": lambda scale, offset, constant: (scale, offset + constant),
    "Subtract": lambda scale, offset, constant: (scale, offset - constant),
}


class DeclaredScale(NamedTuple):
    """What a model says of its images.

    Attributes:
        white: Its value for white, or None where the model says that images are scaled, but not from which range.
        reason: What says it, such as "its input is uint8".
    """

    white: float | None
    reason: str


def declared_scale(model):
    """Return what a model declares of the range of its images, or None if it declares nothing.

    The type of its input decides, `uint8` or `uint16`; else its first layers or operations, as far as they only scale
    and shift: `Rescaling`, `Normalization`, arithmetic with constants, also those of a model inside the model. What
    they turn into numbers of about [0, 1], [-1, 1] or a few standard deviations is the range.

    Args:
        model: Functional Keras model, or `Sequential`, of one image.

    Returns:
        `DeclaredScale` or None.
    """
    dtype = inputs_of(model).dtype
    if dtype in _OF_INTEGERS:
        return DeclaredScale(_OF_INTEGERS[dtype], f"its input is {dtype}")
    steps = {_white(*step): step for step in _first_steps(model) if step.changes()}
    if len(steps) == 1:
        white, step = next(iter(steps.items()))
        return DeclaredScale(
            white, f"{step.layers} come first" if "," in step.layers else f"{step.layers} comes first"
        )
    if steps:
        return DeclaredScale(None, "its branches scale the image differently")
    return DeclaredScale(None, f"its input is {dtype}") if "int" in dtype else None


def chosen_scale(model, source, given=None):
    """Return the value of white that a model gets, and a sentence that tells why.

    Args:
        model: Functional Keras model, or `Sequential`, of one image.
        source: Path of the model, for messages.
        given: What its user said, or None to go by the model. A number that contradicts the model is taken, with a
            warning.

    Raises:
        InputError: If nobody says it: the model scales its images from a range that is not plain.
    """
    declared = declared_scale(model)
    if given is not None:
        if declared and declared.white not in (None, given):
            warnings.warn(
                f"{source} seems to take {declared.white:g} for white ({declared.reason}); `input_scale` {given:g} "
                "is used, as it was said.",
                stacklevel=3,
            )
        return float(given), "as it was said"
    if declared is None:
        return 1.0, "the model declares no other range"
    if declared.white is None:
        raise InputError(
            f"{source} does not tell which value it takes for white ({declared.reason}); say it by `input_scale`, such "
            "as 1 or 255."
        )
    return declared.white, declared.reason


class _Step(NamedTuple):
    scale: np.ndarray | float
    offset: np.ndarray | float
    layers: str

    def changes(self):
        """Return whether it scales or shifts at all."""
        return bool(np.any(np.not_equal(self.scale, 1.0)) or np.any(self.offset))


def _white(scale, offset, layers):
    del layers
    scale, offset = np.asarray(scale, float), np.asarray(offset, float)
    if not (np.isfinite(scale).all() and np.isfinite(offset).all() and (scale != 0).all()):
        return None
    # A mean that is taken off lies inside the range.
    centre, scale = float(np.mean(-offset / scale)), float(np.mean(np.abs(scale)))
    if centre > 2.0:
        return next((white for white in WHITES[1:] if centre < white), None)
    if scale >= 1.0:
        return 1.0
    ranges = {white: scale * white for white in WHITES}
    return next((white for white in WHITES if _LEAST_RANGE <= ranges[white] <= _LARGEST_RANGE), None)


def _first_steps(model):
    """Return how each branch that takes the image scales and shifts it, up to its first other layer."""
    consumers = _consumers(model)
    found = []

    def follow(tensor, step):
        for operation, arguments, output in consumers.get(id(tensor), ()):
            after = _after(operation, arguments, step)
            if is_functional(operation) and len(operation.inputs) == 1 and not step.layers:
                found.extend(_first_steps(operation))
            elif after is None or output is None:
                found.append(step)
            else:
                follow(output, after)

    follow(inputs_of(model), _Step(1.0, 0.0, ""))
    return found


def _consumers(model):
    """Return by the id of each symbolic tensor what takes it: (operation, arguments, output) of each call."""
    consumers, seen, waiting = {}, set(), list(model.outputs)
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, arguments, _ = call_of(tensor)
        for source in arguments.keras_tensors if operation else ():
            consumers.setdefault(id(source), []).append((operation, arguments, tensor))
            waiting.append(source)
    return consumers


def _after(operation, arguments, step):
    """Return the step with one more operation, or None if that does more than to scale and shift."""
    name = type(operation).__name__
    scale, offset, layers = step
    if name in _UNCHANGED:
        return step
    layers = f"{layers}, {operation.name}" if layers else operation.name
    if isinstance(operation, keras.layers.Rescaling):
        by, shift = (np.asarray(value, float) for value in (operation.scale, operation.offset))
        return _Step(scale * by, offset * by + shift, layers)
    if isinstance(operation, keras.layers.Normalization):
        return _normalised(operation, step, layers)
    if name in _BY_CONSTANT and len(arguments.args) == 2:
        first, constant = arguments.args
        if isinstance(first, keras.KerasTensor) and not isinstance(constant, keras.KerasTensor):
            return _Step(*_BY_CONSTANT[name](scale, offset, np.asarray(constant, float)), layers)
        if name in ("Multiply", "Add") and isinstance(constant, keras.KerasTensor):
            return _Step(*_BY_CONSTANT[name](scale, offset, np.asarray(first, float)), layers)
    return None


def _normalised(layer, step, layers):
    if layer.invert:
        return None
    mean, variance = (
        np.asarray(keras.ops.convert_to_numpy(one), float) for one in (layer.mean, layer.variance)
    )
    deviation = np.maximum(np.sqrt(variance), keras.config.epsilon())
    return _Step(step.scale / deviation, (step.offset - mean) / deviation, layers)
