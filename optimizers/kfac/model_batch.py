"""Model and batch of a step on their way to an optimizer that differentiates the model itself.

Keras's `fit()` hands an optimizer gradients, and nothing that they were made of. `compile` and `compute_loss`, both
public methods of every Keras model, have what is missing: the first knows the model and its optimizer, before the
optimizer makes its variables and also when a saved model is loaded, and the second has the inputs and labels of every
step, in the graph in which the gradients will be. Both are taught here to tell an optimizer that wants to know. At a
step the optimizer then calls the model again on (a share of) the same inputs, in a scope that writes no variable, and
takes from that pass what it needs: inputs of layers, derivatives back-propagated from labels of its own, products with
Jacobians. That works compiled by XLA, in a plain graph and eagerly alike, and in a training loop of one's own.
"""

import functools

import tensorflow as tf

from tfapp.optimizers.loss_scaling import unwrapped


class ModelBatch:
    """Holder of the model that an optimizer is bound to, its layers, and the batch of a step until it is applied.

    None of it is an attribute of the optimizer itself: Keras would track the model as a part of it.

    Attributes:
        model: Keras model, or None.
        distribution: `OutputDistribution` of its labels, or None.
        loss: Loss of a training loop of one's own; None for that which the model is compiled with.
        blocks: `LayerBlock`s of its layers with factors.
    """

    def __init__(self):
        self.model = None
        self.distribution = None
        self.loss = None
        self.blocks = ()
        self._batch = self._graph = None

    def __deepcopy__(self, memo):
        # A copy of an optimizer is that of another model.
        del memo
        return ModelBatch()

    def put(self, x, y):
        """Keep the batch of a step in place of an earlier one."""
        self._batch, self._graph = (x, y), _graph()

    def take(self):
        """Return `(x, y)` of this step once, or None where none was put since, in the same graph."""
        batch, graph = self._batch, self._graph
        self._batch = self._graph = None
        return batch if graph is _graph() else None


def teach_model(model, receiver):
    """Let models tell an optimizer that wants to know it which model it trains, and on which batch.

    Nothing changes for other optimizers.

    Args:
        model: `keras.Model`.
        receiver: Class of the optimizers, with `bind(model)` and `record_batch(x, y, sample_weight)`.
    """
    # Where Keras defines them: it compares the method of a model's class with that one.
    owner = next(one for one in model.__mro__ if "compile" in vars(one))
    compile, compute_loss = owner.compile, owner.compute_loss

    @functools.wraps(compile)
    def compile_and_tell(self, *args, **kwargs):
        result = compile(self, *args, **kwargs)
        optimizer = unwrapped(self.optimizer)
        if isinstance(optimizer, receiver):
            optimizer.bind(self)
        return result

    @functools.wraps(compute_loss)
    def compute_loss_and_tell(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        optimizer = unwrapped(self.optimizer)
        if training and isinstance(optimizer, receiver):
            optimizer.record_batch(x, y, sample_weight)
        return compute_loss(self, x, y, y_pred, sample_weight, training)

    owner.compile, owner.compute_loss = compile_and_tell, compute_loss_and_tell


def _graph():
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
