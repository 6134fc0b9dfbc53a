"""Loss of a step between the tape and the update, and which loss it is that the gradients belong to."""

import tensorflow as tf


class StepLoss:
    """Loss of each replica between `scale_loss` and `apply`.

    Replica threads of MirroredStrategy take turns while a step is traced, so that one attribute would be
    overwritten by the next replica; and a dictionary in an attribute of an optimizer would be tracked and saved.

    Several losses may be handed over before an `apply`: those of an evaluation and of steps that were given up, which
    must not count, or the parts of one loss, which would have to. Eagerly a loss is therefore noticed when its gradient
    is taken: one alone is that of the step, and of several nobody knows whether they are to be added up. In a graph,
    where no step is given up, all count; what another graph handed over, such as a trace that was given up, never does.
    """

    def __init__(self):
        self._handed = {}

    def put(self, loss):
        """Keep the loss of this replica, and return it: the tensor to differentiate."""
        graph = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
        handed = self._handed.get(_replica())
        if handed is None or handed.graph is not graph:
            handed = self._handed[_replica()] = _Handed(graph)
        return handed.noticed(loss)

    def put_alone(self, loss):
        """Keep the loss of this replica in place of all that were handed over before."""
        self.drop()
        self.put(loss)

    def drop(self):
        """Forget what this replica handed over: its step is done with, also where it was given up."""
        self._handed.pop(_replica(), None)

    def take(self, optimizer_name):
        """Return the loss of this replica, once.

        Raises:
            RuntimeError: If none was kept since the last time, or several that may be meant.
        """
        handed = self._handed.pop(_replica(), None)
        if handed is None:
            raise RuntimeError(
                f"{optimizer_name} needs the loss of the step, expected from `optimizer.scale_loss(loss)`, which "
                "Keras's own `train_step` calls. Received: no loss. In a training loop or `train_step` of your own "
                "use `loss = optimizer.scale_loss(loss)` inside the tape, or "
                "`optimizer.apply(grads, variables, loss=loss)`."
            )
        losses = list(handed.differentiated.values()) or [handed.last] * handed.count
        if len(losses) > 1:
            raise RuntimeError(
                f"{optimizer_name} needs one loss for each step. Received: {len(losses)} by `optimizer.scale_loss` "
                "since the last step. Add up the parts of a loss, or the losses of accumulated batches, or "
                "leave out that of a step that was given up: "
                "`optimizer.apply(grads, variables, loss=loss)` takes the loss that the gradients belong to."
            )
        return losses[0]


class _Handed:
    """What one replica handed over in one graph since the last step."""

    def __init__(self, graph):
        self.graph = graph
        self.last, self.count = None, 0
        # By number; of the others only the last is kept, so that an evaluation of many batches keeps nothing.
        self.differentiated = {}

    def noticed(self, loss):
        self.last, self.count = loss, self.count + 1
        if self.graph is not None:
            # TensorFlow keeps a graph with a gradient of its own for ever.
            return loss
        number = self.count

        @tf.custom_gradient
        def pass_on(loss):
            def gradient(upstream):
                self.differentiated[number] = loss
                return upstream

            return tf.identity(loss), gradient

        return pass_on(loss)


def _replica():
    context = tf.distribute.get_replica_context()
    if context is None:
        return 0
    number = tf.get_static_value(context.replica_id_in_sync_group)
    return None if number is None else int(number)
