"""Where the loss of a step waits until the gradients arrive."""

import keras
import tensorflow as tf


class PendingLoss:
    """Loss of each replica between `scale_loss` and `apply`.

    Replica threads of MirroredStrategy take turns while a step is traced, so that one attribute would be
    overwritten by the next replica; and a dictionary in an attribute of an optimizer would be tracked and saved.
    """

    def __init__(self):
        self._losses = {}

    def put(self, loss):
        """Keep the loss of this replica."""
        self._losses[_replica()] = loss

    def take(self, optimizer_name):
        """Return the loss of this replica, once.

        Raises:
            RuntimeError: If none was kept since the last time.
        """
        loss = self._losses.pop(_replica(), None)
        if loss is None:
            raise RuntimeError(
                f"{optimizer_name} needs the loss of the step, expected from `optimizer.scale_loss(loss)`, which "
                "Keras's own `train_step` calls. Received: no loss. In a training loop or `train_step` of your own "
                "use `loss = optimizer.scale_loss(loss)` inside the tape, or "
                "`optimizer.apply(grads, variables, loss=loss)`."
            )
        return loss


def _replica():
    context = tf.distribute.get_replica_context()
    if context is None:
        return 0
    number = tf.get_static_value(context.replica_id_in_sync_group)
    return None if number is None else int(number)


def pass_loss_through(wrapper, receiver):
    """Let Keras's loss-scaling wrapper hand the unscaled loss to an inner optimizer that asks for it.

    `compile` puts a `LossScaleOptimizer` around every optimizer under mixed_float16, and its `scale_loss` does
    not tell the inner optimizer; so that a plain `compile` works, the method learns to. Nothing changes for
    other optimizers.

    Args:
        wrapper: `keras.optimizers.LossScaleOptimizer`.
        receiver: Class of the inner optimizers that want the loss, with `record_loss(loss)`.
    """
    scale_loss = wrapper.scale_loss

    def scale_loss_and_tell(self, loss):
        if isinstance(self.inner_optimizer, receiver):
            self.inner_optimizer.record_loss(loss)
        return scale_loss(self, loss)

    wrapper.scale_loss = scale_loss_and_tell


def unwrapped(optimizer):
    """Return the optimizer inside Keras's loss-scaling wrapper, or the optimizer itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def plain(variable):
    """Return the TensorFlow variable behind a Keras variable."""
    return variable.value if isinstance(variable, keras.Variable) else variable
