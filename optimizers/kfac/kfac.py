"""K-FAC: natural gradient descent with Kronecker factors of the Fisher matrix, in plain `fit()`."""

import math

import keras
import tensorflow as tf

from tfapp.optimizers.arguments import in_unit_interval, natural_number, positive, positive_integer
from tfapp.optimizers.kfac.curvature import CurvatureOptimizer
from tfapp.optimizers.kfac.factors import damped_inverses, estimate, running_average
from tfapp.optimizers.kfac.layer_blocks import blocks_of
from tfapp.optimizers.kfac.layer_statistics import inputs_and_derivatives
from tfapp.optimizers.kfac.moves import Moves
from tfapp.optimizers.kfac.quadratic_model import (
    DAMPING_FACTOR,
    DISTRUSTED,
    adapted_damping,
    best_coefficients,
    predicted_change,
)
from tfapp.optimizers.stateless_loss import loss_at

STEPS = ("quadratic", "fixed")
FISHERS = ("model", "empirical")
# The first updates estimate and invert whatever the intervals say: what the factors are of has only begun.
_FIRST = 3
# How often the first damping is raised tenfold, at most.
_MOST_RAISES = 8
# Weight of the average of all past statistics when a new one is added.
_DECAY = 0.95


@keras.saving.register_keras_serializable("tfapp")
class KFAC(CurvatureOptimizer):
    """Optimizer by Kronecker-factored approximate curvature (Martens and Grosse, 2015; Grosse and Martens, 2016).

    For each Dense and Conv2D layer with weights W `(inputs, outputs)`, its bias a row of them, and their gradient g:

        A <- running mean of E[a a'],  G <- running mean of c E[d d']
        u = (A + pi sqrt(damping) I)^-1 g (G + sqrt(damping) / pi I)^-1
        s <- momentum s - rate u,      W <- W + learning_rate s

    with the inputs a of the layer and the derivatives d of -log p(y | x) by what it gives before its activation, for
    labels y drawn from the model itself. pi balances both factors by their mean eigenvalues. c is the factor between
    -log p and the compiled loss, 1 / channels of Keras's binary cross-entropy, 2 / channels of its squared error: the
    step does not depend on such a mean, and the damping is in units of the loss.

    With `step="quadratic"` rate and momentum are, at each update, those that make the quadratic model M of the loss
    with the exact Fisher matrix smallest (on the `fisher_share` of the batch); with "fixed" the rate is 1 and
    the momentum as given. Each `adapt_every` updates the damping falls where M predicted the change of the loss on the
    batch well, and rises where it did not (Levenberg and Marquardt's rule).

    It is a Keras optimizer like any other: `model.compile(KFAC(), loss)` and `fit()`, compiled by XLA, in a graph or
    eagerly. Labels, outputs and layers it knows from the model: `compile` and `compute_loss` tell it model and batch,
    and it calls the model a second time on (a share of) the inputs, without writing any of its variables;
    `optimizers/kfac/model_batch.py` has the way in full. In a training loop of one's own, call
    `optimizer.bind(model, loss)` once and `optimizer.record_batch(x, y)` before each `apply`.

    Losses are those of which the labels' distribution is known: (sparse) categorical and binary cross-entropy, of
    logits or probabilities, and the mean squared error. Layers without factors, such as batch normalisation,
    embeddings, depthwise and transposed convolutions, are trained by the plain gradient with momentum and
    `plain_learning_rate`, and `plain_variables` names their variables. Regularisation is a part of the gradient and of
    the loss, and of no curvature.

    Refused in words are gradient accumulation, mixed precision, shared layers, weights of examples, batches of one
    example, several replicas, and losses without a distribution.

    Args:
        learning_rate: A number or a schedule. Defaults to 1, for `step="quadratic"`; a fixed step needs less.
        momentum: In [0, 1), of a fixed step, and of the variables without factors.
        damping: Float > 0, the first one where it adapts; the first update raises it tenfold until its step is one
            that M predicts.
        step: "quadratic" or "fixed".
        adapt_every: Updates between adaptations of the damping; 0 keeps it.
        statistics_every: Updates between estimates of A and G, positive.
        inverse_every: Updates between inversions, positive.
        fisher: "model" for labels drawn from the model, "empirical" for those of the data, of which the result is no
            Fisher matrix.
        fisher_share: In (0, 1], the share of each batch, its first examples, for all but the gradient.
        plain_learning_rate: Float > 0, of the variables without factors; `learning_rate` multiplies it.
        seed: Integer, of the drawn labels.
        **kwargs: Those of every Keras optimizer, but for `gradient_accumulation_steps`.

    Raises:
        ValueError: For an argument out of its range.
    """

    MEASURED = ("damping", "factor_damping", "rate", "momentum", "reduction_ratio", "predicted_change")

    def __init__(
        self,
        learning_rate=1.0,
        momentum=0.9,
        damping=0.1,
        step="quadratic",
        adapt_every=5,
        statistics_every=1,
        inverse_every=20,
        fisher="model",
        fisher_share=1.0,
        plain_learning_rate=0.01,
        seed=0,
        name="kfac",
        **kwargs,
    ):
        super().__init__(learning_rate, damping, fisher_share, name=name, **kwargs)
        self.momentum = in_unit_interval("momentum", momentum)
        self.plain_learning_rate = positive("plain_learning_rate", plain_learning_rate)
        self.step, self.fisher = _one_of("step", step, STEPS), _one_of("fisher", fisher, FISHERS)
        self.adapt_every = natural_number("adapt_every", adapt_every)
        self.statistics_every = positive_integer("statistics_every", statistics_every)
        self.inverse_every = positive_integer("inverse_every", inverse_every)
        self.seed = natural_number("seed", seed)

    def build(self, variables):
        if self.built:
            return
        super().build(variables)
        self._velocities = self.add_optimizer_variables(variables, "velocity")
        # Not in an attribute, which Keras would take for parts of the optimizer.
        self._handed.blocks = [
            block for block in blocks_of(self._handed.model) if all(map(self._is_known, block.variables))
        ]
        blocks = self._handed.blocks
        self._covered = [
            self._get_variable_index(variable) for block in blocks for variable in block.variables
        ]
        dtype = variables[0].dtype
        self._factors, self._inverses = (
            [
                [
                    self.add_variable(
                        (size, size), "zeros", dtype, name=f"{block.layer.name}_{kind}_{factor}"
                    )
                    for factor, size in (("a", block.num_inputs), ("g", block.num_outputs))
                ]
                for block in blocks
            ]
            for kind in ("factor", "inverse")
        )

    def _is_known(self, variable):
        return self._var_key(variable) in self._trainable_variables_indices

    def initial_scalars(self):
        return [self.damping, math.sqrt(self.damping), *[0.0] * (len(self.MEASURED) - 2)]

    @property
    def plain_variables(self) -> list[str]:
        """Paths of the variables that are trained by the plain gradient, once the optimizer is built."""
        if not self.built:
            return []
        return [
            variable.path
            for index, variable in enumerate(self._trainable_variables)
            if index not in self._covered
        ]

    def advance(self, gradients, batch, share):
        steps = [self._plain_step(index, gradient) for index, gradient in enumerate(gradients)]
        if self._handed.blocks:
            for index, step in self._factored_steps(gradients, batch, share).items():
                steps[index] = step
        rate = tf.convert_to_tensor(self.learning_rate)
        for variable, velocity, step in zip(self._trainable_variables, self._velocities, steps, strict=True):
            self.assign(velocity, step)
            self.assign_add(variable, tf.cast(rate, step.dtype) * step)

    def _plain_step(self, index, gradient):
        velocity = tf.convert_to_tensor(self._velocities[index])
        return self.momentum * velocity - self.plain_learning_rate * gradient

    def _factored_steps(self, gradients, batch, share):
        """Return the steps of the variables with factors by their places, and keep what was measured of them."""
        scalars = dict(zip(self.MEASURED, tf.unstack(tf.convert_to_tensor(self._scalars)), strict=True))
        self._estimate_factors(share)
        moves = self._moves(gradients, share)
        if self.adapt_every:
            first = tf.equal(tf.convert_to_tensor(self._iterations), 0)
            scalars["damping"], scalars["factor_damping"] = tf.cond(
                first,
                lambda: self._first_dampings(moves, batch, scalars["damping"]),
                lambda: (scalars["damping"], scalars["factor_damping"]),
            )
        scalars["factor_damping"] = self._invert_factors(moves, scalars)
        directions = moves.directions([tf.convert_to_tensor(i) for i in self._flat(self._inverses)])
        chosen = self._chosen(moves, directions, scalars["damping"])
        steps = self._steps(directions, chosen)
        scalars["rate"], scalars["momentum"] = -chosen[0], chosen[1]

        def adapt():
            ratio, predicted = self._reduction(moves, directions, chosen, batch, scalars["damping"])
            return adapted_damping(scalars["damping"], ratio, self.adapt_every), ratio, predicted

        if self.adapt_every:
            names = ("damping", "reduction_ratio", "predicted_change")
            due = tf.equal((tf.convert_to_tensor(self._iterations) + 1) % self.adapt_every, 0)
            found = tf.cond(due, adapt, lambda: tuple(scalars[name] for name in names))
            scalars.update(zip(names, found, strict=True))
        self._scalars.assign(tf.stack([scalars[name] for name in self.MEASURED]))
        return steps

    def _moves(self, gradients, share):
        return Moves(
            self._handed,
            [self._trainable_variables[index] for index in self._covered],
            [tf.convert_to_tensor(self._velocities[index]) for index in self._covered],
            [gradients[index] for index in self._covered],
            share[0],
        )

    def _chosen(self, moves, directions, damping):
        """Return the coefficients of the natural direction and of the last step."""
        if self.step == "quadratic":
            return best_coefficients(*moves.quadratic(directions, damping))
        return tf.constant([-1.0, self.momentum], damping.dtype)

    def _steps(self, directions, coefficients):
        pairs = zip(self._covered, *directions, strict=True)
        return {index: coefficients[0] * u + coefficients[1] * v for index, u, v in pairs}

    def _reduction(self, moves, directions, coefficients, batch, damping):
        """Return the change of the loss of a batch over that predicted, and the latter."""
        coefficients = tf.cast(self.learning_rate, damping.dtype) * coefficients
        predicted = predicted_change(*moves.quadratic(directions, damping), coefficients)
        change = self._change_of_loss(self._steps(directions, coefficients), batch)
        return tf.cast(change, predicted.dtype) / predicted, predicted

    def _first_dampings(self, moves, batch, damping):
        """Return the damping of the first update, and that of its factors.

        It is raised tenfold until the loss falls by a share of what M predicts: no update comes before that Levenberg
        and Marquardt's rule could have learned from.
        """

        def distrusted(damping, number):
            directions = moves.directions(self._inverted(tf.sqrt(damping)))
            coefficients = self._chosen(moves, directions, damping)
            ratio, _ = self._reduction(moves, directions, coefficients, batch, damping)
            # What is not a number is below nothing, and above nothing.
            return (number < _MOST_RAISES) & ~(ratio >= DISTRUSTED)

        found, _ = tf.while_loop(distrusted, lambda d, number: (10 * d, number + 1), (damping, 0))
        return found, tf.sqrt(found)

    def _inverted(self, root):
        factors = _pairs([tf.convert_to_tensor(factor) for factor in self._flat(self._factors)])
        return [inverse for pair in factors for inverse in damped_inverses(*pair, root**2)]

    def _change_of_loss(self, moved, batch):
        """Return the loss of the batch after a step, less that before it, with the same masks of dropout."""
        model = self._handed.model
        places = {self._var_key(variable): index for index, variable in enumerate(self._trainable_variables)}
        here = [tf.convert_to_tensor(variable.value) for variable in model.trainable_variables]
        indices = [places.get(self._var_key(variable)) for variable in model.trainable_variables]
        there = [
            value + moved[index] if index in moved else value
            for value, index in zip(here, indices, strict=True)
        ]
        state = [tf.convert_to_tensor(variable.value) for variable in model.non_trainable_variables]
        losses = [
            loss_at(model, weights, state, (*batch, None), self._handed.loss)[0] for weights in (there, here)
        ]
        return losses[0] - losses[1]

    def _estimate_factors(self, share):
        blocks, distribution = self._handed.blocks, self._handed.distribution
        count = tf.convert_to_tensor(self._iterations)
        factors = [tf.convert_to_tensor(factor) for factor in self._flat(self._factors)]

        def targets_of(logits):
            if self.fisher == "empirical":
                return distribution.targets(share[1], logits)
            return distribution.draw(logits, tf.stack([self.seed, tf.cast(count, tf.int32)]))

        def estimated():
            found, logits = inputs_and_derivatives(
                self._handed.model, blocks, share[0], distribution, targets_of
            )
            scale, latest = distribution.scale(logits), []
            for block, pair in zip(blocks, found, strict=True):
                if pair is None:
                    sizes = block.num_inputs, block.num_outputs
                    latest += [tf.zeros([size, size], logits.dtype) for size in sizes]
                    continue
                derivatives = tf.reshape(pair[1], [-1, block.num_outputs])
                a, g = estimate(block.rows(pair[0]), derivatives, tf.shape(logits)[0])
                latest += [a, scale * g]
            number = _updates_so_far(count, self.statistics_every)
            return [
                running_average(old, new, number, _DECAY) for old, new in zip(factors, latest, strict=True)
            ]

        found = _when_due(count, self.statistics_every, estimated, factors)
        for variable, value in zip(self._flat(self._factors), found, strict=True):
            variable.assign(value)

    def _invert_factors(self, moves, scalars):
        """Invert the factors when it is due, and return the damping of the factors.

        Of the last one, one a little smaller and one a little larger, that counts whose step has the smallest M.
        """
        kept = [tf.convert_to_tensor(inverse) for inverse in self._flat(self._inverses)]
        count, before = tf.convert_to_tensor(self._iterations), scalars["factor_damping"]

        def best_inverted():
            if not self.adapt_every:
                return [before, *self._inverted(before)]
            if self.step == "fixed":
                root = tf.sqrt(scalars["damping"])
                return [root, *self._inverted(root)]
            factor = tf.cast(DAMPING_FACTOR ** (self.inverse_every / 2), before.dtype)
            factor = tf.where(count < _FIRST, tf.ones_like(factor), factor)

            def tried(root):
                inverses = self._inverted(root)
                quadratic = moves.quadratic(moves.directions(inverses), scalars["damping"])
                return [predicted_change(*quadratic, best_coefficients(*quadratic)), *inverses]

            roots = before * tf.stack([tf.ones_like(factor), factor, 1 / factor])
            types = [before.dtype, *(one.dtype for one in kept)]
            changes, *inverses = tf.map_fn(tried, roots, fn_output_signature=types, parallel_iterations=1)
            best = tf.argmin(changes)
            return [roots[best], *(one[best] for one in inverses)]

        damping, *found = _when_due(count, self.inverse_every, best_inverted, [before, *kept])
        for variable, value in zip(self._flat(self._inverses), found, strict=True):
            variable.assign(tf.ensure_shape(value, variable.shape))
        return damping

    @staticmethod
    def _flat(pairs):
        return [one for pair in pairs for one in pair]

    def get_config(self):
        names = (
            *("momentum", "step", "adapt_every", "statistics_every", "inverse_every"),
            *("fisher", "plain_learning_rate", "seed"),
        )
        return super().get_config() | {name: getattr(self, name) for name in names}


def _when_due(count, every, compute, kept):
    """Return what `compute` gives in the first updates and in each `every`-th, and `kept` in all others."""
    if every == 1:
        return compute()
    return tf.cond((count < _FIRST) | tf.equal(count % every, 0), compute, lambda: kept)


def _updates_so_far(count, every):
    """Return the number of estimates up to the one of update `count`, of those that `_when_due` makes."""
    first = tf.minimum(count + 1, _FIRST)
    return first + tf.maximum(count // every - (_FIRST - 1) // every, 0)


def _pairs(tensors):
    return list(zip(tensors[::2], tensors[1::2], strict=True))


def _one_of(name, value, allowed):
    if value not in allowed:
        raise ValueError(f"`{name}` must be one of {', '.join(allowed)}. Received: {name}={value!r}.")
    return value
