"""Base of the Keras layers whose output solves a total-variation problem: their options, lambda and shapes."""

import inspect

import keras
import numpy as np
import tensorflow as tf

from tfapp.layers.arguments import (
    at_least_float32,
    check_channels_last,
    check_float,
    check_guide,
    check_places,
    check_values,
    inverse_softplus,
)
from tfapp.layers.tv.gradients import regularise_logits, regularise_one_step
from tfapp.layers.tv.layer_options import TVOptions
from tfapp.layers.tv.operators import edge_weights
from tfapp.layers.tv.solver import TVProblem
from tfapp.layers.tv.weight_bounds import raw_constraint


class TVLayer(TVOptions, keras.layers.Layer):
    """Base of `TVSoftmax`, `TVSigmoid`, `TVReLU` and `TVActivation`: the solution of a total-variation problem.

    Args:
        tv_weight: Float >= 0, initial lambda, in units of the logits, or with `per_class` a list of one for each class.
            Must be > 0 when learned. The attribute and `get_config()` keep it while lambda is trained, as that of a
            Keras initializer; `current_tv_weight()` is lambda as it stands. Set later, the attribute sets lambda too.
        learn_tv_weight: Whether lambda is trained.
        weight_form: What is trained: `"softplus"`, the raw number whose softplus is lambda, or `"direct"`, lambda
            itself, held at 0 or above, as eq. (3.24) of Jia, Liu and Tai (2019) has it.
        weight_rate: Float > 0, by which the gradient to lambda is multiplied: under SGD lambda has a learning rate of
            its own, tau_lambda = weight_rate * rate. Optimizers that divide by the size of gradients, such as Adam,
            undo it.
        weight_bounds: Pair `(least, largest)`, either of which may be None, that a learned lambda stays within after
            every step of an optimizer, and that it must begin within; None for no bounds. What a call gives in place of
            lambda has none.
        iterations: Integer >= 1, number of iterations in training; the largest number with a `tolerance`.
        gradient: How training differentiates. `"implicit"`: the gradient of the converged form, in memory that does
            not depend on the iterations, exact as far as these and `backward_iterations` go. `"jacobian-free"`: its
            first term, cheaper. `"unrolled"`: through every iteration, for reference. `"one-step"`: training takes one
            dual step, as Jia, Liu and Tai (2019) do.
        isotropic: Euclidean length of the gradient (rotation-fair) if True, sum of absolute values (exactly
            symmetric under flips) if not.
        step: Float > 0, the constant c = tau * lambda of `"one-step"`.
        per_class: One lambda for each class instead of one for all.
        method: `"fista"`, `"preconditioned-fista"` (larger steps where the output is confident),
            `"projected-gradient"`, or `"lazy-projected-gradient"` (the recursion of Jia, Liu and Tai as printed).
        inference_iterations: Integer >= 1, the same with `training=False`. At lambda = 1 the labels of networks that
            were trained with this head are then those of the solution at about 99.97 % of the pixels, and the gap per
            pixel is about 3e-3; a larger lambda takes more: look at the gap, or set a `tolerance`.
        tolerance: Float, duality gap per pixel at which an image is left as it is, or None.
        label_tolerance: Float in (0, 1), in place of a `tolerance` with `training=False`: an image is left as it is
            when within ten iterations at most this share of its labels has changed, such as 5e-4; or None. For
            `TVSoftmax` and `TVSigmoid`.
        backward_iterations: Integer >= 1, conjugate-gradient iterations of `"implicit"`. More than a quarter of
            the forward ones do not help: then the forward solution limits the accuracy.
        edge_contrast: Float > 0, kappa in the edge weights 1 / (1 + |grad I|^2 / kappa^2) of a guide image, in the
            units of its values: 0.1 is for images in [0, 1].
        voxel_size: Distances of neighbours along the spatial axes, such as `(12.5, 1, 1)` for thick slices;
            None for 1.
        jit_compile: Compile the solver with XLA: `"auto"` does so in training only, so that exported
            graphs run on servers without it.
        return_gap: Return `(output, gap)` with the duality gap per pixel of each sample, `(batch,)`.
        operator: A `LinearOperator` whose output is made short in place of the differences of neighbours, such as
            `SecondDifferences()`, `NonLocalDifferences()`, `ClassDistances(table)` or one of your own; None for these.
        huber: Float >= 0: lengths up to this count by their square, so that slopes stay slopes; 0 for none.
        temperature: Float > 0, epsilon, the weight of the entropy: the output is that of the logits and of lambda
            divided by it, sharper below 1 and softer above.
        learn_temperature: Whether epsilon is trained, through softplus.
        volumes: Shares of the pixels that the classes take in every image: a list of one for each class, or a pair of
            lists `(least, largest)`, either of which may be None. None for none; a call may give others.
    """

    potential = None
    least_classes = 1

    def __init__(
        self,
        tv_weight=1.0,
        learn_tv_weight=True,
        iterations=30,
        gradient="implicit",
        isotropic=True,
        *,
        step=0.25,
        per_class=False,
        method="fista",
        inference_iterations=60,
        tolerance=None,
        backward_iterations=8,
        edge_contrast=0.1,
        voxel_size=None,
        jit_compile="auto",
        return_gap=False,
        operator=None,
        huber=0.0,
        temperature=1.0,
        learn_temperature=False,
        volumes=None,
        weight_form="softplus",
        weight_rate=1.0,
        weight_bounds=None,
        label_tolerance=None,
        **kwargs,
    ):
        super().__init__(autocast=False, **kwargs)
        self.raw_tv_weight = self.raw_temperature = None
        self.learn_tv_weight, self.per_class = learn_tv_weight, per_class
        self.weight_form, self.weight_rate = weight_form, weight_rate
        self.weight_bounds = weight_bounds
        self.tv_weight = tv_weight
        self.iterations, self.inference_iterations = iterations, inference_iterations
        self.gradient, self.backward_iterations = gradient, backward_iterations
        self.isotropic, self.step, self.method = isotropic, step, method
        self.tolerance, self.label_tolerance = tolerance, label_tolerance
        self.edge_contrast, self.voxel_size = edge_contrast, voxel_size
        self.jit_compile, self.return_gap = jit_compile, return_gap
        self.operator, self.huber, self.volumes = operator, huber, volumes
        self.temperature, self.learn_temperature = temperature, learn_temperature

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        # Also to the number that it began with: lambda has been learned since.
        if name == "tv_weight" and self._has_variable:
            raw = self._raw_weights()
            self.raw_tv_weight.assign(
                np.broadcast_to(raw if len(raw) > 1 else raw[0], self.raw_tv_weight.shape)
            )
        if name == "temperature" and self.__dict__.get("raw_temperature") is not None:
            self.raw_temperature.assign(inverse_softplus(self.temperature))

    def build(self, logits_shape, guide_shape=None, tv_weight_shape=None, volumes_shape=None):
        del guide_shape, tv_weight_shape, volumes_shape
        self._check_shape(tuple(logits_shape))
        self._num_classes = logits_shape[-1]
        self._fitting(self.tv_weight)
        if self.learn_tv_weight:
            raw = self._raw_weights()
            self.raw_tv_weight = self.add_weight(
                name="raw_tv_weight",
                shape=(logits_shape[-1],) if self.per_class else (),
                initializer=keras.initializers.Constant(raw if len(raw) > 1 else raw[0]),
                constraint=raw_constraint(self.weight_form, self.weight_bounds),
                trainable=True,
                autocast=False,
            )
        if self.learn_temperature:
            self.raw_temperature = self.add_weight(
                name="raw_temperature",
                shape=(),
                initializer=keras.initializers.Constant(inverse_softplus(self.temperature)),
                trainable=True,
                autocast=False,
            )
        self.built = True

    def call(self, logits, guide=None, tv_weight=None, volumes=None, training=None):
        solution = self.regularise(logits, guide, tv_weight, volumes, training=training)
        output = self._output(solution.logits)
        return (output, solution.gap) if self.return_gap else output

    def regularise(self, logits, guide=None, tv_weight=None, volumes=None, *, training=None, start=None):
        """Return the whole `Regularised` solution: regularised logits, gap, dual field, iterations.

        Args:
            logits: Float tensor `(batch, *spatial, classes)`. For the symbolic tensors of a functional
                model call the layer itself instead.
            guide: Image `(batch, *spatial, channels)` in [0, 1] whose edges the borders should follow, or that tells an
                operator which pixels are alike, or None.
            tv_weight: Tensor >= 0 in place of the layer's lambda: a scalar, `(classes,)`, or a map
                `(batch, *spatial, 1 or classes)` such as the softplus of a small head's output. Where it is negative
                or not finite an eager call raises ValueError, and a graph answers NaN.
            volumes: Shares of the classes in place of the layer's: `(classes,)`, `(batch, classes)`, or a pair of
                such, `(least, largest)`. As for `tv_weight` where they cannot be.
            training: Python boolean; with `gradient="one-step"` True takes one step.
            start: `dual` of an earlier solution of the same shape, to begin with.
        """
        if keras.backend.is_keras_tensor(logits):
            raise ValueError(
                "`regularise` takes tensors, for subclassed models and custom loops. In a functional model call "
                "the layer: cross-entropy with `from_logits=False` recovers the logits from it. "
                f"Received: logits={logits}"
            )
        logits = at_least_float32(logits)
        check_float(type(self).__name__, logits)
        if tv_weight is not None:
            tv_weight = tf.cast(tf.convert_to_tensor(tv_weight), logits.dtype)
        self.note_graph()
        check_values(type(self).__name__, logits, tv_weight, may_forbid=self.potential == "softmax")
        check_places(type(self).__name__, logits, tv_weight)
        if not self.built:
            self.build(logits.shape)
        self._check_voxel_size(logits.shape)
        volumes = self.volumes if volumes is None else volumes
        to_operator = guide is not None and self.operator is not None and self.operator.needs_guide
        weight = self._effective_weight(logits, None if to_operator else guide, tv_weight)
        problem = self._problem(logits.shape.rank - 2, training)
        options = {"guide": self._fitting_guide(guide, logits) if to_operator else None}
        temperature = None
        if self.learn_temperature or self.temperature != 1.0:
            temperature = tf.cast(self.current_temperature(), logits.dtype)
            logits, weight = logits / temperature, weight / temperature
        if training and self.gradient == "one-step":
            if volumes is not None:
                raise ValueError("`volumes` are not kept by one step; take `gradient='implicit'`.")
            solution = regularise_one_step(logits, weight, problem, self.step, **options)
        else:
            solution = regularise_logits(
                logits,
                weight,
                problem,
                gradient="implicit" if self.gradient == "one-step" else self.gradient,
                backward_iterations=self.backward_iterations,
                start=start,
                jit_compile=bool(training) if self.jit_compile == "auto" else self.jit_compile,
                volumes=volumes,
                **options,
            )
        # The gap is told in units of the logits that were given.
        return solution if temperature is None else solution._replace(gap=solution.gap * temperature)

    def _problem(self, spatial, training):
        return TVProblem(
            self.potential,
            self.isotropic,
            self.voxel_size or (1.0,) * spatial,
            self.method,
            self.iterations if training else self.inference_iterations,
            self.tolerance,
            self.operator,
            self.huber,
            None if training else self.label_tolerance,
        )

    def regularised_logits(self, logits, training=None):
        """Return u, whose softmax, sigmoid or ReLU is the layer's output, for a loss with `from_logits=True`."""
        return self.regularise(logits, training=training).logits

    def current_tv_weight(self):
        """Return lambda as it stands now: a scalar tensor, or `(classes,)` with `per_class`."""
        if self.raw_tv_weight is None:
            return tf.constant(self.tv_weight)
        raw = tf.convert_to_tensor(self.raw_tv_weight)
        # Loss surfaces move what is trained to where no step would: there is no lambda below 0.
        weight = tf.maximum(raw, 0.0) if self.weight_form == "direct" else tf.nn.softplus(raw)
        if self.weight_rate == 1.0:
            return weight
        still = tf.stop_gradient(weight)
        return still + self.weight_rate * (weight - still)

    def current_temperature(self):
        """Return epsilon as it stands now, a scalar tensor."""
        if self.raw_temperature is None:
            return tf.constant(self.temperature)
        return tf.nn.softplus(tf.convert_to_tensor(self.raw_temperature))

    def compute_output_spec(self, logits, guide=None, tv_weight=None, volumes=None, training=None):
        del guide, tv_weight, volumes, training
        check_float(type(self).__name__, logits)
        dtype = self._output_dtype(logits.dtype)
        output = keras.KerasTensor(logits.shape, dtype)
        if not self.return_gap:
            return output
        gap_dtype = "float64" if logits.dtype == "float64" else "float32"
        return output, keras.KerasTensor(logits.shape[:1], gap_dtype)

    def compute_output_shape(self, logits_shape, guide_shape=None, tv_weight_shape=None, volumes_shape=None):
        del guide_shape, tv_weight_shape, volumes_shape
        shape = tuple(logits_shape)
        return (shape, shape[:1]) if self.return_gap else shape

    def get_config(self):
        options = {name: getattr(self, name) for name in _NAMES}
        if self.operator is not None:
            options["operator"] = keras.saving.serialize_keras_object(self.operator)
        return {**super().get_config(), **options}

    def _output(self, regularised):
        raise NotImplementedError

    def _output_dtype(self, dtype):
        return "float64" if dtype == "float64" else "float32"

    def _effective_weight(self, logits, guide, tv_weight):
        weight = tf.cast(self.current_tv_weight(), logits.dtype) if tv_weight is None else tv_weight
        if tv_weight is not None and not tf.executing_eagerly():
            # No value is known in a graph, where a negative one would give some other answer without a word.
            weight = tf.where(weight >= 0, weight, weight.dtype.as_numpy_dtype(np.nan))
        if guide is None:
            return weight
        guide = self._fitting_guide(guide, logits)
        return weight * edge_weights(guide, self.edge_contrast, self.voxel_size)

    def _fitting_guide(self, guide, logits):
        guide = tf.convert_to_tensor(guide)
        check_guide(guide, getattr(self.operator, "contrast", self.edge_contrast))
        guide = tf.cast(guide, logits.dtype)
        if not guide.shape[1:-1].is_compatible_with(logits.shape[1:-1]):
            raise ValueError(
                "`guide` must be an image of the size of the logits. "
                f"Received: guide.shape={tuple(guide.shape)}, logits.shape={tuple(logits.shape)}"
            )
        return guide

    def _check_shape(self, shape):
        name = type(self).__name__
        check_channels_last(name)
        if not 3 <= len(shape) <= 5:
            raise ValueError(
                f"{name} expects logits of shape (batch, *spatial, classes) with 1 to 3 spatial axes. "
                f"Received: input_shape={shape}"
            )
        self._check_voxel_size(shape)
        if shape[-1] is None or shape[-1] < self.least_classes:
            raise ValueError(
                f"{name} needs at least {self.least_classes} classes in the last axis (TVSigmoid takes one). "
                f"Received: input_shape={shape}"
            )

    def _check_voxel_size(self, shape):
        if self.voxel_size is not None and len(self.voxel_size) != len(shape) - 2:
            raise ValueError(
                f"`voxel_size` must have one number for each of the {len(shape) - 2} spatial axes. "
                f"Received: voxel_size={self.voxel_size}, input_shape={tuple(shape)}"
            )


_NAMES = tuple(inspect.signature(TVLayer.__init__).parameters)[1:-1]
TVLayer.OPTIONS = (*_NAMES, "potential")
