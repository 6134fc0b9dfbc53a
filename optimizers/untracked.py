"""Variables of an optimizer beside those that Keras counts: settings that may change, and skipped steps."""

import warnings

import keras
import numpy as np
import tensorflow as tf

_CAUSES = ("negative", "not finite", "no gradient")
# In front of the names of settings in a store, whose variables have numbers for names.
_SETTING = "setting_"


class Untracked:
    """Holder of variables that Keras does not track: saved optimizers keep their form, with the settings beside it.

    `fit()` traces a step once: what is read there from an attribute stays as it was, what is read from a variable
    follows it. They are made where the optimizer makes its own variables, and mirrored with these.
    """

    def __init__(self):
        self.numbers = {}
        self.skips = None
        self.told = set()
        # Of batches that were no part of a `fit()`.
        self.told_alone, self.skips_alone = set(), np.zeros(1 + len(_CAUSES))

    def add_number(self, name, value):
        """Make a variable of a setting; float64, so that a cast rounds as that of a Python number does."""
        self.numbers[name] = _variable(value, "float64", name)

    def save_numbers(self, store):
        """Write the settings to what Keras saves the variables to."""
        for name, variable in self.numbers.items():
            store[f"{_SETTING}{name}"] = variable.numpy()

    def add_skips(self):
        """Make the count of steps that were due, and of those skipped by cause, in the order of `_CAUSES`."""
        self.skips = _variable(np.zeros(1 + len(_CAUSES)), "float32", "skips")

    def mark_as_told(self):
        """Leave out every cause until a training ends."""
        self.told.update(_CAUSES)

    def report(self, optimizer, *, begin_anew, stacklevel=4):
        """Warn of skipped steps, once for each cause until `begin_anew`.

        Args:
            optimizer: `LossAwareOptimizer` whose steps they are.
            begin_anew: Whether a training ended: a steady loss is told, and the next training counts for itself.
            stacklevel: Of the warning, from here.
        """
        if self.skips is None:
            return
        counts, told = self.skips.numpy(), self.told | self.told_alone
        if begin_anew:
            counts, told = counts - self.skips_alone, self.told
        due, *counts = (int(count) for count in counts)
        for cause, count in zip(_CAUSES, counts, strict=True):
            # A minimum has no gradient either: only a training without any step is worth a word.
            is_news = count == due and begin_anew if cause == "no gradient" else count
            if is_news and count and cause not in told:
                self.told.add(cause)
                warnings.warn(_sentence(optimizer, cause, count, due), stacklevel=stacklevel)
        if begin_anew:
            self.told.clear()
            self.told_alone.clear()
            self.skips.assign(np.zeros(1 + len(_CAUSES), "float32"))
            self.skips_alone = np.zeros(1 + len(_CAUSES))

    def report_alone(self, optimizer):
        """Warn of skipped steps after a batch that is no part of a `fit()`, which tells and counts its own later."""
        # To the line of whoever called `train_on_batch`.
        self.report(optimizer, begin_anew=False, stacklevel=5)
        self.told_alone |= self.told
        self.told.clear()
        if self.skips is not None:
            self.skips_alone = self.skips.numpy()


class WithoutNumbers:
    """A store of Keras as it would be without the settings, whose entries Keras counts.

    Args:
        store: What Keras loads variables from.
    """

    def __init__(self, store):
        self._store = store

    def keys(self):
        """Return the names of the variables."""
        return [name for name in self._store.keys() if not name.startswith(_SETTING)]

    def __getitem__(self, name):
        return self._store[name]


def saved_numbers(store):
    """Return the settings that `Untracked.save_numbers` wrote, by name; of earlier versions there are none."""
    names = (name for name in store.keys() if name.startswith(_SETTING))
    return {name.removeprefix(_SETTING): float(store[name]) for name in names}


def _variable(value, dtype, name):
    # "only_first_replica" as the scalars of `LossAwareOptimizer`: all replicas compute the same.
    return keras.Variable(
        # `keras.initializers.Constant` would round to float32.
        lambda shape, dtype: tf.constant(value, dtype, shape),
        shape=np.shape(value),
        dtype=dtype,
        trainable=False,
        aggregation="only_first_replica",
        name=name,
    )


def _sentence(optimizer, cause, count, due):
    share = "every step" if count == due else f"{count} of {due} steps"
    reason = {
        "negative": "because the loss was negative, which its rule does not allow: raise the loss by `loss_offset` "
        f"(now {optimizer.loss_offset:g})",
        "not finite": "because the loss or its gradient was NaN or infinite: look at the data, or take shorter steps",
        "no gradient": "because the gradient was zero: the loss does not change with the weights",
    }[cause]
    return f"{optimizer.name} skipped {share} {reason}."
