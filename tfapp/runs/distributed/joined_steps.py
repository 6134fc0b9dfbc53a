"""Training and test steps that several workers make together, each with its rows of the batch."""

from types import MethodType

import keras
import tensorflow as tf

from tfapp.errors import InputError
from tfapp.optimizers import LossAwareOptimizer, unwrapped
from tfapp.runs.rates import plateaus_of

# Numbers between the streams of random numbers of two workers.
_APART = 2**20


def join_steps(model, peers):
    """Have a compiled model make its steps together with the other workers, within Keras's own `fit()`.

    The loss of a step is that of the joined batch: the mean over the weights of all rows, and regularisation once.
    Gradients, metrics and the statistics of batch normalisation are of it too, so that each step is that of one worker
    with the joined batch, to rounding. Dropout draws other numbers at each worker.

    Args:
        model: Compiled Keras model with a loss whose reduction is `mean_with_sample_weight`, the same everywhere. It
            takes the variables of the chief's, its optimizer's included.
        peers: `Peers`.

    Raises:
        InputError: For an optimizer that looks at the loss, under mixed_float16, which scales that.
    """
    if (
        isinstance(unwrapped(model.optimizer), LossAwareOptimizer)
        and unwrapped(model.optimizer) is not model.optimizer
    ):
        raise InputError(
            "Several workers cannot train by an optimizer that looks at the loss under mixed_float16; use "
            "mixed_bfloat16, which scales no loss, or one worker."
        )
    model.optimizer.build(model.trainable_variables)
    # How far a decay on plateau is, the optimizer does not count among its variables.
    plateaus = [plateau.variable for plateau in plateaus_of(model)]
    peers.take_from_chief([*model.variables, *model.optimizer.variables, *plateaus])
    for layer in model._flatten_layers(include_self=False):
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.synchronized = True
    _draw_apart(model, peers.cluster.index)
    steps = _JoinedSteps(peers)
    model.train_step = MethodType(steps.train_step, model)
    model.test_step = MethodType(steps.test_step, model)
    # Workers wait for each other within a step, which XLA would compile as one operation.
    model.jit_compile = False
    # Keras takes the functions that it traced before, if there are any.
    model.train_function = model.test_function = None


class _JoinedSteps:
    def __init__(self, peers):
        self.peers = peers

    def train_step(self, model, data):
        """Return the metrics of the epoch so far, as Keras's `train_step` does."""
        inputs, targets, weights = keras.utils.unpack_x_y_sample_weight(data)
        weights_of_model = model.trainable_variables
        aware = isinstance(model.optimizer, LossAwareOptimizer)
        # Of mixed precision; an optimizer that looks at the loss would take this for it.
        factor = tf.ones(()) if aware else model.optimizer.scale_loss(tf.ones(()))

        def differentiate(inputs, targets, weights):
            rows = tf.shape(tf.nest.flatten(inputs)[0])[0]
            share, joined_rows = self._share(weights, rows)
            with tf.GradientTape() as tape:
                outputs = model(inputs, training=True)
                loss = share * self._loss(model, inputs, targets, outputs, weights, True)
                scaled = loss * tf.cast(factor, loss.dtype)
            gradients = [tf.convert_to_tensor(one) for one in tape.gradient(scaled, weights_of_model)]
            joined, *gradients = self.peers.added([loss, *gradients])
            return joined, gradients, outputs, joined_rows

        loss, gradients, outputs, rows = self.peers.run(differentiate, inputs, targets, weights)
        model.optimizer.apply(gradients, weights_of_model, **({"loss": loss} if aware else {}))
        return self._metrics(model, inputs, targets, outputs, weights, loss, rows)

    def test_step(self, model, data):
        """Return the metrics so far, as Keras's `test_step` does; a worker may have no row of a small last batch."""
        inputs, targets, weights = keras.utils.unpack_x_y_sample_weight(data)

        def measure(inputs, targets, weights):
            rows = tf.shape(inputs)[0]
            share, joined_rows = self._share(weights, rows)
            # Layers are made for one row at least.
            some = tf.pad(inputs, [[0, tf.cast(rows == 0, tf.int32)], *[[0, 0]] * (inputs.shape.rank - 1)])
            outputs = model(some, training=False)[:rows]
            loss = self._loss(model, inputs, targets, outputs, weights, False)
            loss = tf.where(share > 0, share * loss, tf.zeros_like(loss))
            return self.peers.added([loss])[0], outputs, joined_rows

        loss, outputs, rows = self.peers.run(measure, inputs, targets, weights)
        return self._metrics(model, inputs, targets, outputs, weights, loss, rows)

    def _share(self, weights, rows):
        """Return the share of this worker in the mean over the joined batch, and the rows of that."""
        own = tf.cast(rows, tf.float32)
        total = own if weights is None else tf.reduce_sum(tf.cast(weights, tf.float32))
        joined, joined_rows = self.peers.added([total, own])
        equal = tf.ones(()) / self.peers.count
        return tf.where(joined > 0, tf.math.divide_no_nan(total, joined), equal), joined_rows

    def _loss(self, model, inputs, targets, outputs, weights, training):
        # Keras divides by the number of workers, for a sum over them.
        loss = model.compute_loss(inputs, targets, outputs, weights, training=training)
        return loss * self.peers.count

    def _metrics(self, model, inputs, targets, outputs, weights, loss, rows):
        _build_metrics(model, inputs, targets, outputs, weights)
        variables = model.metrics_variables
        before = [tf.identity(one) for one in variables]
        model.compute_metrics(inputs, targets, outputs, sample_weight=weights)
        # Metrics count up: what each worker counted of this batch is added up.
        gained = self.peers.sums([one - old for one, old in zip(variables, before, strict=True)])
        for variable, old, gain in zip(variables, before, gained, strict=True):
            variable.assign(old + gain)
        next(one for one in model.metrics if one.name == "loss").update_state(loss, sample_weight=rows)
        return model.get_metrics_result()


def _build_metrics(model, *batch):
    """Have Keras make the variables of the metrics, which it else does when they count for the first time."""
    if all(metric.variables for metric in model.metrics):
        return
    with tf.init_scope():
        inputs, targets, outputs, weights = tf.nest.map_structure(_one_row_of_zeros, batch)
        model.compute_metrics(inputs, targets, outputs, sample_weight=weights)
        model.reset_metrics()


def _one_row_of_zeros(tensor):
    return tf.zeros([1, *(side or 1 for side in tensor.shape[1:])], tensor.dtype)


def _draw_apart(model, index):
    for variable in model.non_trainable_variables:
        if "seed_generator_state" in variable.path:
            variable.assign_add(tf.cast([0, index * _APART], variable.dtype))
