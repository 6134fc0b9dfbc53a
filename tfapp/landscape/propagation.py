"""How a signal goes through a network: activations forwards, gradients backwards, the Jacobian layer by layer.

Every layer without layers of its own is watched while the model is called once: what it puts out, the gradient of the
loss with respect to that, and, by forward differentiation, what becomes of small changes of the input. A product of
many Jacobians shrinks or grows exponentially with the depth unless each of them about keeps lengths.

References:
    X. Glorot, Y. Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural Networks", AISTATS 2010.
    A. Saxe, J. McClelland, S. Ganguli, "Exact Solutions to the Nonlinear Dynamics of Learning in Deep Linear Neural
    Networks", ICLR 2014. J. Pennington, S. Schoenholz, S. Ganguli, "Resurrecting the Sigmoid in Deep Learning through
    Dynamical Isometry", NeurIPS 2017.
"""

import contextlib
import math
from dataclasses import dataclass

import keras
import numpy as np
import tensorflow as tf

from tfapp.errors import InputError

# A signal that has lost, or won, so many powers of ten is dead, or has exploded.
DEAD = 1e-6
EXPLODED = 1e6
# Numbers of a Jacobian, input times output, up to which all its singular values are computed.
EXACT = 2_000_000
# Numbers of the input up to which that is tried: each of them takes a pass of its own.
EXACT_INPUT = 1024
PROBES = 8


@dataclass(frozen=True, eq=False)
class LayerSignal:
    """What was measured at one call of one layer.

    Attributes:
        name: of the layer; with ` #2` and so on where it is called again.
        kind: its class.
        shape: of what it puts out, the samples aside.
        activation: root mean square of all it puts out.
        gradient: root mean square over samples of the norm of the gradient of a sample's loss with respect to it.
        gain: root mean square singular value of the Jacobian from the input to here: by how much a small change of the
            input in a random direction is lengthened.
        singular_values: float64, falling, of the Jacobian of the first sample; None where it or the input has too many
            numbers, or in training mode, where samples depend on each other.
        parameters: norm of the gradient of the mean loss with respect to its own parameters; NaN if it has none.
        silent: share of the units that are 0 for every sample.
        depth: number of calls so far of layers with a kernel, this one included.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    activation: float
    gradient: float
    gain: float
    singular_values: np.ndarray | None
    parameters: float
    silent: float
    depth: int


@dataclass(frozen=True, eq=False)
class Signal:
    """The signal along a network.

    Attributes:
        layers: `LayerSignal`s in the order of the calls.
        input_rms: root mean square of the input.
        training: whether the layers ran in training mode.
        has_loss: whether gradients are those of the model's loss; otherwise of a random direction of the output, of
            length 1 for each sample.
    """

    layers: tuple[LayerSignal, ...]
    input_rms: float
    training: bool
    has_loss: bool

    def rate(self, name) -> float:
        """Return the factor by which a measure changes from one layer with a kernel to the next.

        It is that of the straight line through the logarithms.

        Args:
            name: `activation`, `gain`, or `gradient`, which is followed backwards.

        Returns:
            The factor; 0 or infinity if the signal is lost on the way, NaN with fewer than two layers with a kernel.
        """
        values = np.array([getattr(layer, name) for layer in self.layers])
        depths = np.array([layer.depth for layer in self.layers], np.float64)
        if len(set(depths)) < 2:
            return math.nan
        if not np.isfinite(values).all():
            return math.inf
        if (values <= 0).any():
            return 0.0
        slope = np.polyfit(depths, np.log(values), 1)[0]
        return float(np.exp(-slope if name == "gradient" else slope))

    def sentences(self) -> list[str]:
        """Return what there is to say: at which layer the signal dies or explodes, forwards and backwards."""
        forwards = [(layer.name, _ratio(layer.activation, self.input_rms)) for layer in self.layers]
        # What the loss does not depend on has none.
        reached = [layer for layer in self.layers[::-1] if not math.isnan(layer.gradient)]
        last = reached[0]
        backwards = [(layer.name, _ratio(layer.gradient, last.gradient)) for layer in reached]
        ways = (
            ("The activations", forwards, "of those of the input"),
            ("Going backwards, the gradients", backwards, f"of that at {last.name}"),
        )
        told = [_verdict(what, values, relative) for what, values, relative in ways]
        silent = [layer for layer in self.layers if layer.silent == 1]
        if silent:
            told.append(f"Every unit of {silent[0].name} is 0 for every sample: nothing gets through.")
        return [sentence for sentence in told if sentence] or [
            "The signal is neither lost nor does it explode."
        ]


def _ratio(value, whole):
    """Return a ratio; of nothing, as of a gradient that is 0 at the optimum, it is the value itself."""
    return value / whole if whole else value


def _verdict(what, values, relative):
    for name, ratio in values:
        if not math.isfinite(ratio):
            return f"{what} are no longer finite at {name}."
        if ratio < DEAD:
            return f"{what} die at {name}: {ratio:.1e} {relative}."
        if ratio > EXPLODED:
            return f"{what} explode at {name}: {ratio:.1e} times {relative.removeprefix('of ')}."
    return ""


def signal_propagation(model, x, y=None, *, training=False, probes=PROBES, seed=0) -> Signal:
    """Measure activations, gradients and Jacobians of a Keras model, layer by layer.

    The model is not changed: moving statistics and random generators are as before.

    Args:
        model: built Keras model of any kind with one input array; compiled if `y` is given.
        x: samples, array (samples, ...), a few dozen of them.
        y: targets as for `fit`; None measures what becomes of a random direction of the output instead of the loss.
        training: whether layers run in training mode: batch normalisation by the statistics of these samples. Untrained
            networks with it say nothing in inference mode, where it does nothing yet.
        probes: random changes of the input that the gain is averaged over, at least 1.
        seed: of the random directions, an integer >= 0.

    Returns:
        `Signal`.

    Raises:
        InputError: a model that is not built, was not compiled with a loss although there are targets, has several
            inputs, or whose output does not depend on any layer by a gradient.
    """
    inputs = _checked(model, x, y, probes, seed)
    rng = np.random.default_rng(seed)
    with _unchanged(model):
        calls, loss, tape = _recorded(model, inputs, y, training, rng)
        outputs = [call.output for call in calls]
        gradients = tape.gradient(loss, outputs)
        variables = model.trainable_variables
        by_variable = dict(zip(map(id, variables), tape.gradient(loss, variables), strict=True))
        del tape
        if all(gradient is None for gradient in gradients):
            raise InputError(
                "Expected a loss, or an output, that depends on the layers by a gradient. Received: none of "
                f"{len(calls)} layers of {model.name!r} has one."
            )
        gains = _gains(model, inputs, training, rng, probes, len(calls))
        spectra = _spectra(model, inputs, calls) if not training else [None] * len(calls)
    depths = np.cumsum([_has_kernel(call.layer) for call in calls]).tolist()
    layers = [
        _layer_signal(call, gradient, gain, spectrum, by_variable, len(inputs), depth)
        for call, gradient, gain, spectrum, depth in zip(
            calls, gradients, gains, spectra, depths, strict=True
        )
    ]
    rms = float(np.sqrt(np.mean(np.square(inputs.numpy().astype(np.float64)))))
    return Signal(tuple(layers), rms, training, y is not None)


def _checked(model, x, y, probes, seed):
    if not model.built:
        raise InputError(f"Expected a built model. Received: {model.name!r}, which was not called yet.")
    if isinstance(x, (dict, list, tuple)) or len(getattr(model, "inputs", None) or [x]) > 1:
        raise InputError("Expected a model with one input, and its samples as one array. Received: several.")
    if y is not None and not (model.compiled and model.loss is not None):
        raise InputError(f"Targets need a loss: compile {model.name!r} with one, or leave `y` out.")
    if not isinstance(seed, int) or seed < 0:
        raise InputError(f"`seed` must be an integer of at least 0. Received: seed={seed!r}.")
    if not isinstance(probes, int) or probes < 1:
        raise InputError(f"`probes` must be an integer of at least 1. Received: probes={probes!r}.")
    inputs = tf.convert_to_tensor(x)
    if not inputs.dtype.is_floating:
        raise InputError(
            f"Expected samples of floating-point numbers, which can change a little. Received: {inputs.dtype.name}."
        )
    if not len(inputs):
        raise InputError("Expected at least one sample. Received: none.")
    return inputs


@dataclass(frozen=True, eq=False)
class _Call:
    layer: keras.Layer
    name: str
    output: tf.Tensor


# Layers that call others step by step: they are followed as a whole.
_AS_A_WHOLE = (keras.layers.RNN, keras.layers.Wrapper)


def leaf_layers(layer) -> list:
    """Return the layers of a model that have no layers of their own, recurrent ones and wrappers as a whole."""
    inner = list(layer._flatten_layers(include_self=False, recursive=False))
    if not inner or isinstance(layer, _AS_A_WHOLE):
        return [layer]
    return [leaf for one in inner for leaf in leaf_layers(one)]


def layers_in_order(model, x) -> list:
    """Return the layers without layers of their own in the order in which the model first calls them.

    Args:
        model: built Keras model.
        x: its input, as it takes it.
    """
    with _unchanged(model), _watched(model) as calls:
        model(x, training=False)
    return list({id(call.layer): call.layer for call in calls}.values())


@contextlib.contextmanager
def _watched(model):
    """Yield a list that gets a `_Call` for each call of a layer without layers of its own."""
    # A shared layer stands in several places.
    calls, counts, layers = [], {}, list({id(layer): layer for layer in leaf_layers(model)}.values())

    def watching(layer, call):
        def watched(*args, **kwargs):
            output = call(*args, **kwargs)
            if isinstance(output, tf.Tensor) and output.dtype.is_floating:
                counts[layer.name] = counts.get(layer.name, 0) + 1
                again = "" if counts[layer.name] == 1 else f" #{counts[layer.name]}"
                calls.append(_Call(layer, layer.name + again, output))
            return output

        return watched

    layers = [layer for layer in layers if not isinstance(layer, keras.layers.InputLayer)]
    try:
        for layer in layers:
            # Not Keras's own way of setting attributes, which would track it.
            object.__setattr__(layer, "call", watching(layer, layer.call))
        yield calls
    finally:
        for layer in layers:
            object.__delattr__(layer, "call")


@contextlib.contextmanager
def _unchanged(model):
    """Put back, in the end, what a call in training mode changes: moving statistics, states of generators."""
    kept = [(variable, tf.identity(variable.value)) for variable in model.variables]
    try:
        yield
    finally:
        for variable, value in kept:
            variable.assign(value)


def _recorded(model, inputs, y, training, rng):
    """Return the calls of a pass, a scalar to differentiate, which is a sum over the samples, and the tape."""
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        with _watched(model) as calls:
            output = model(inputs, training=training)
        if y is not None:
            # A sum over the samples: each sample's own gradient, where samples are independent.
            loss = tf.cast(model.compute_loss(x=inputs, y=y, y_pred=output), tf.float32)
            loss *= _samples_in_mean(model, inputs, y, output, loss)
        else:
            loss = sum(
                tf.reduce_sum(tf.cast(_directions(one, rng), one.dtype) * one)
                for one in tf.nest.flatten(output)
            )
    if not calls:
        raise InputError(f"Expected a model with layers. Received: {model.name!r}, none of which was called.")
    return calls, loss, tape


def _samples_in_mean(model, inputs, y, output, loss):
    """Return by how many samples the loss is divided: their number, or 1 where it is their sum."""
    twice = tf.nest.map_structure(
        lambda one: None if one is None else tf.concat([one, one], 0), (inputs, y, output)
    )
    doubled = tf.cast(model.compute_loss(x=twice[0], y=twice[1], y_pred=twice[2]), tf.float32)
    # Regularisation is in both once: a mean stays, a sum grows by itself.
    grows = abs(float(doubled) - float(loss)) > 1e-3 * max(abs(float(loss)), 1e-12)
    return 1.0 if grows else float(len(inputs))


def _directions(tensor, rng):
    """Return a random direction of length 1 for each sample."""
    drawn = rng.standard_normal(tensor.shape)
    lengths = np.sqrt(np.sum(np.square(drawn), axis=tuple(range(1, drawn.ndim)), keepdims=True))
    return drawn / lengths


def _gains(model, inputs, training, rng, probes, count):
    """Return the root mean square gain from the input to each call."""
    totals = np.zeros(count)
    for _ in range(probes):
        change = tf.cast(rng.standard_normal(inputs.shape), inputs.dtype)
        with tf.autodiff.ForwardAccumulator(inputs, change) as forward, _watched(model) as calls:
            model(inputs, training=training)
        for place, call in enumerate(calls):
            moved = forward.jvp(call.output)
            # A change of standard normal numbers has the mean square 1: the sum of squares there is that of the
            # singular values, and their mean is over as many as the input has numbers.
            if moved is not None:
                totals[place] += (
                    float(tf.reduce_sum(tf.square(tf.cast(moved, tf.float64)))) / tf.size(change).numpy()
                )
    return np.sqrt(totals / probes)


def _spectra(model, inputs, calls):
    """Return the singular values from the first sample to each call, None where there are too many numbers."""
    size = int(np.prod(inputs.shape[1:]))
    sizes = [int(np.prod(call.output.shape[1:])) for call in calls]
    wanted = [
        size * one <= EXACT and call.output.shape[0] == len(inputs)
        for call, one in zip(calls, sizes, strict=True)
    ]
    if not any(wanted) or size > EXACT_INPUT:
        return [None] * len(calls)
    # A sample for each number of the input, and in each another one of them changes.
    same = tf.repeat(inputs[:1], size, axis=0)
    changes = tf.reshape(tf.eye(size, dtype=inputs.dtype), (size, *inputs.shape[1:]))
    with tf.autodiff.ForwardAccumulator(same, changes) as forward, _watched(model) as there:
        model(same, training=False)
    found = []
    for call, is_wanted in zip(there, wanted, strict=True):
        moved = forward.jvp(call.output) if is_wanted else None
        matrix = None if moved is None else tf.reshape(tf.cast(moved, tf.float64), (size, -1)).numpy()
        usable = matrix is not None and np.isfinite(matrix).all()
        found.append(np.linalg.svd(matrix, compute_uv=False) if usable else None)
    return found


def _has_kernel(layer):
    return any(len(variable.shape) > 1 for variable in layer.trainable_variables)


def _layer_signal(call, gradient, gain, spectrum, by_variable, samples, depth):
    output = call.output.numpy().astype(np.float64)
    norm = math.nan
    if gradient is not None:
        gradient = tf.convert_to_tensor(gradient).numpy().astype(np.float64)
        norm = float(np.sqrt(np.sum(np.square(gradient)) / samples))
    own = [by_variable.get(id(variable)) for variable in call.layer.trainable_variables]
    squares = [
        np.sum(np.square(tf.convert_to_tensor(one).numpy().astype(np.float64)))
        for one in own
        if one is not None
    ]
    return LayerSignal(
        name=call.name,
        kind=type(call.layer).__name__,
        shape=tuple(output.shape[1:]),
        activation=float(np.sqrt(np.mean(np.square(output)))),
        gradient=norm,
        gain=float(gain),
        singular_values=spectrum,
        parameters=float(np.sqrt(sum(squares))) / samples if squares else math.nan,
        silent=float(np.mean(np.all(output == 0, axis=0))),
        depth=depth,
    )
