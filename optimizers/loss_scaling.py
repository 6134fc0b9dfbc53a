"""Keras's loss-scaling wrapper around optimizers that ask for the loss and whose settings may change."""

import functools


def unwrapped(optimizer):
    """Return the optimizer inside Keras's loss-scaling wrapper, or the optimizer itself."""
    return getattr(optimizer, "inner_optimizer", optimizer)


def teach_wrapper(wrapper, receiver):
    """Let Keras's loss-scaling wrapper hand the unscaled loss and settings to an inner optimizer that wants them.

    `compile` puts a `LossScaleOptimizer` around every optimizer under mixed_float16. Its `scale_loss` does not tell the
    inner optimizer, and a setting that a callback writes to `model.optimizer` would stay on the wrapper, without an
    effect; so that a plain `compile` works, both reach the inner one. Nothing changes for other optimizers.

    Args:
        wrapper: `keras.optimizers.LossScaleOptimizer`.
        receiver: Class of the inner optimizers, with `record_loss(loss)`, `forget_loss()` and the names `ADJUSTABLE`
            and `FIXED`.
    """
    scale_loss, apply, set_attribute = wrapper.scale_loss, wrapper.apply, wrapper.__setattr__

    def scale_loss_and_tell(self, loss):
        if isinstance(self.inner_optimizer, receiver):
            loss = self.inner_optimizer.record_loss(loss)
        return scale_loss(self, loss)

    @functools.wraps(apply)
    def apply_and_forget(self, grads, trainable_variables=None, **options):
        inner = self.inner_optimizer
        if not isinstance(inner, receiver):
            return apply(self, grads, trainable_variables, **options)
        loss = options.pop("loss", None)
        if loss is not None:
            inner.record_loss(loss, alone=True)
        result = apply(self, grads, trainable_variables, **options)
        # Where gradients overflow the step is not taken, and eagerly the inner optimizer hears nothing of it.
        inner.forget_loss()
        return result

    def set_where_it_belongs(self, name, value):
        inner = self.__dict__.get("inner_optimizer")
        belongs = isinstance(inner, receiver) and name in (*inner.ADJUSTABLE, *inner.FIXED)
        if belongs:
            setattr(inner, name, value)
        # The wrapper has a weight decay of its own, which it does not use.
        if not belongs or name in self.__dict__:
            set_attribute(self, name, value)

    def read_where_it_belongs(self, name):
        inner = self.__dict__.get("inner_optimizer")
        if isinstance(inner, receiver) and name in ("measured", *inner.ADJUSTABLE, *inner.FIXED):
            return getattr(inner, name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    wrapper.scale_loss, wrapper.apply = scale_loss_and_tell, apply_and_forget
    wrapper.__setattr__ = set_where_it_belongs
    wrapper.__getattr__ = read_where_it_belongs
