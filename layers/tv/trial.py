"""Trial of a segmenter: what its structure, or its user, says of its output is compared with its own answer."""

import warnings

import keras
import numpy as np
import scipy.special
import tensorflow as tf

# The smallest is tried first. Powers of two are multiples of any stride of pooling; unpadded networks need a large one.
TRIAL_SIZES = (64, 128, 256, 512)
# Relative to the largest probability of a pixel. Recomputed logits of size 10 differ by up to 2e-3 where convolutions
# run in TF32; half precision rounds more coarsely, by its epsilon in the logits and once more in the softmax.
LEAST_TOLERANCE, ROUNDINGS = 2e-3, 4
_EPSILONS = {"float16": 2.0**-10, "bfloat16": 2.0**-7}
# Probabilities below Keras's epsilon count as that much when they become logits again.
CLIPPED = 1e-6


class MisreadOutput(ValueError):
    """A model's own answer is not what its structure, or the `output` that was said, lets expect.

    Attributes:
        finding: What was found, without the name of the model in front and without a full stop.
        are_probabilities: Whether the answer itself is probabilities, so that `output="probabilities"` is right.
    """

    def __init__(self, model_name, finding, are_probabilities):
        way_out = (
            "pass `output`='probabilities'"
            if are_probabilities
            else "pass the part of it that gives its logits"
        )
        super().__init__(f"`model` {finding}; {way_out}. Received: model={model_name!r}")
        self.finding, self.are_probabilities = finding, are_probabilities


def check_by_value(model, found, answer, output, *, are_logits):
    """Compare what was found of a segmenter with its own answer to one image of noise and one with edges.

    Args:
        model: The segmenter, for its name and its precision.
        found: `ModelLogits` of it, those that were found by structure or by what its user said.
        answer: Symbolic output of the model, from `found.inputs`.
        output: What the user said: `auto`, `logits` or `probabilities`.
        are_logits: Whether the answer itself was taken for the logits.

    Raises:
        MisreadOutput: The probabilities of the logits that were found are not those of the model; probabilities
            were said, and the answers do not lie in [0, 1] or do not sum to 1; or logits were found, and the answers
            are probabilities.
    """
    # Two models: a layer and its copy without activation have one name.
    models = [keras.Model(found.inputs, tensor) for tensor in (answer, found.logits)]
    tried = _answers(models, found.inputs)
    if tried is None:
        _say(model, "took none of the trial images, so that its output was not compared with its logits")
        return
    own, logits = tried
    tolerance = _tolerance(model)
    are_probabilities = _are_probabilities(own, tolerance)
    if are_logits:
        # One number in [0, 1] may be either: only several that sum to 1 give themselves away.
        if are_probabilities and (own.shape[-1] > 1 or output == "logits"):
            _report_probabilities(model, output, own.shape[-1])
        return
    if output == "probabilities":
        _check_probabilities(model, own, tolerance)
        return
    if own.shape != logits.shape:
        finding = f"gives {own.shape[1:]} for an image whose logits are {logits.shape[1:]}"
        raise MisreadOutput(model.name, finding, are_probabilities)
    difference = np.abs(_probabilities(logits, found.activation) - own)
    bound = CLIPPED + tolerance * np.abs(own).max(-1, keepdims=True)
    if (difference <= bound).all():
        return
    again, _ = _answers(models[:1] * 2, found.inputs)
    if (np.abs(again - own) > bound).any():
        _say(model, "gives another answer each time, so that its output was not compared with its logits")
        return
    raise MisreadOutput(
        model.name,
        f"seems to end in a {found.activation}, but its answer to a trial image differs by "
        f"{difference.max():.2g} from the {found.activation} of the logits found in front of it",
        are_probabilities,
    )


def _say(model, sentence):
    # On behalf of who called `regularise` or `model_logits`.
    warnings.warn(f"{model.name!r} {sentence}.", stacklevel=5)


def _report_probabilities(model, output, num_classes):
    finding = (
        "gives probabilities, numbers in [0, 1] that sum to 1 over the classes, where logits were expected"
    )
    if num_classes == 1:
        finding = "gives numbers in [0, 1] only, as probabilities, where logits were expected"
    if output == "auto":
        raise MisreadOutput(model.name, finding, True)
    _say(model, f"{finding}; `output`='probabilities' is what it gives")


def _check_probabilities(model, own, tolerance):
    """Check what was said to be probabilities; that of one class alone is any number in [0, 1]."""
    least, largest = own.min(), own.max()
    outside = max(-least, largest - 1.0)
    sums = own.sum(-1)
    if own.shape[-1] > 1 and np.abs(sums - 1.0).max() > tolerance:
        raise MisreadOutput(
            model.name,
            "does not give probabilities: its answers to trial images sum over the classes to "
            f"{sums.min():.4g} up to {sums.max():.4g}, not to 1",
            False,
        )
    if outside <= tolerance:
        return
    finding = f"gives numbers from {least:.4g} to {largest:.4g} where probabilities were expected"
    if own.shape[-1] == 1:
        raise MisreadOutput(model.name, finding, False)
    # They sum to 1 all the same: a bicubic resize overshoots.
    _say(model, f"{finding}; what is below 0 counts as 0")


def _are_probabilities(own, tolerance):
    in_range = own.min() >= -tolerance and own.max() <= 1.0 + tolerance
    return bool(in_range and (own.shape[-1] == 1 or np.abs(own.sum(-1) - 1.0).max() <= tolerance))


def _probabilities(logits, activation):
    # Not by TensorFlow, which would give symbols while a graph is being built.
    return scipy.special.softmax(logits, -1) if activation == "softmax" else scipy.special.expit(logits)


def _tolerance(model):
    epsilons = [_EPSILONS.get(getattr(layer, "compute_dtype", None), 0.0) for layer in _layers(model)]
    return max(LEAST_TOLERANCE, ROUNDINGS * max(epsilons))


def _layers(model):
    yield model
    for layer in getattr(model, "layers", ()):
        yield from _layers(layer)


def _answers(models, inputs):
    """Return what two models answer to the trial images, as arrays, or None if they take no such image."""
    # A segmenter may be regularised while a graph is being built.
    with tf.init_scope():
        if not tf.executing_eagerly():
            return None
        for size in TRIAL_SIZES:
            images = _trial_images(inputs, size)
            try:
                # Nothing that a layer keeps from call to call changes by the trial.
                with keras.StatelessScope(collect_losses=True):
                    first, second = (
                        tf.concat([model(image, training=False) for image in images], 0) for model in models
                    )
            except Exception:  # anybody's layers may raise anything for a size that they do not take
                continue
            return _finite(*(tf.cast(one, tf.float32).numpy() for one in (first, second)))
    return None


def _finite(own, logits):
    """Return the pixels where the model answers with numbers: of an overflow there is nothing to compare."""
    if own.shape != logits.shape:
        return own, logits
    finite = np.isfinite(own).all(-1)
    return own[finite], logits[finite]


def _trial_images(inputs, size):
    """Return the calls of a trial: both images in one, or one after the other where the batch is fixed."""
    noise = keras.tree.map_structure(lambda one: _trial(one, size, _noise), inputs)
    edges = keras.tree.map_structure(lambda one: _trial(one, size, _edges), inputs)
    if any(one.shape[0] for one in keras.tree.flatten(inputs)):
        return [noise, edges]
    return [keras.tree.map_structure(lambda *pair: tf.concat(pair, 0), noise, edges)]


def _trial(tensor, size, draw):
    """Return an array for an input: `draw` of its shape, in [0, 255] for integers."""
    # A volume of the same side would have 64 times the values.
    size = size // 4 if len(tensor.shape) == 5 else size
    # A batch that is fixed stays so.
    shape = (tensor.shape[0] or 1, *(length or size for length in tensor.shape[1:]))
    values = draw(shape) if len(shape) >= 4 else _noise(shape)
    dtype = tf.as_dtype(tensor.dtype)
    return tf.cast(np.floor(255 * values) if dtype.is_integer else values, dtype)


def _noise(shape):
    return np.random.default_rng(0).random(shape, np.float32)


def _edges(shape):
    """Return an image of blocks on a slope along the last spatial axis, different in every channel."""
    slope = np.linspace(0.0, 1.0, shape[-2], dtype=np.float32)[:, None]
    blocks = np.add.outer(np.arange(shape[-3]) // 8, np.arange(shape[-2]) // 8) % 2
    channels = np.linspace(0.5, 1.0, shape[-1], dtype=np.float32)
    return np.broadcast_to((slope + blocks[..., None]) / 2 * channels, shape)
