"""Word of skipped steps after `train_on_batch`, in which Keras calls nothing of an optimizer outside of its graph."""

import functools

from tfapp.optimizers.loss_scaling import unwrapped


def teach_train_on_batch(model, receiver):
    """Let models tell an optimizer that wants to know it that `train_on_batch` ended.

    `fit()` ends by calling the optimizer, which then looks at what its steps counted; `train_on_batch` is the graph of
    one step and no more. Nothing changes for other optimizers.

    Args:
        model: `keras.Model`.
        receiver: Class of the optimizers, with `report_batch()`.
    """
    train_on_batch = model.train_on_batch

    @functools.wraps(train_on_batch)
    def train_on_batch_and_tell(self, *args, **kwargs):
        result = train_on_batch(self, *args, **kwargs)
        optimizer = unwrapped(self.optimizer)
        if isinstance(optimizer, receiver):
            optimizer.report_batch()
        return result

    model.train_on_batch = train_on_batch_and_tell
