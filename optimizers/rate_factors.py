"""Learning rates that differ from variable to variable by constant factors."""

import math

import keras
import tensorflow as tf

from tfapp.optimizers.adaptive import AdaptiveOptimizer
from tfapp.optimizers.eve import Eve
from tfapp.optimizers.updates import plain


class _Factored:
    """Optimizer whose steps are multiplied by the factor of each variable, after everything else."""

    def __init__(self, *args, rate_factors=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.rate_factors = dict(rate_factors or {})
        for name, factor in self.rate_factors.items():
            if not 0 <= factor < math.inf:
                raise ValueError(
                    f"`rate_factors` must be numbers of at least 0. Received: {factor} for {name!r}."
                )

    def build(self, variables):
        super().build(variables)
        paths = [variable.path for variable in variables]
        unknown = unknown_ends(paths, self.rate_factors)
        if unknown:
            raise ValueError(
                f"`rate_factors` names {unknown[0]!r}, which no variable is called. Variables: {', '.join(paths)}."
            )
        self._factors = [factor_of(path, self.rate_factors) for path in paths]

    def update_step(self, gradient, variable, learning_rate):
        factor = self._factors[self._get_variable_index(variable)]
        before = tf.convert_to_tensor(variable)
        super().update_step(gradient, variable, learning_rate)
        if factor != 1:
            plain(variable).assign(before + factor * (tf.convert_to_tensor(variable) - before))

    def get_config(self):
        return super().get_config() | {"rate_factors": self.rate_factors}


def _factored(kind):
    name = f"Factored{kind.__name__}"
    words = f"`{kind.__name__}` with `rate_factors`; as for `with_rate_factors`."
    made = type(name, (_Factored, kind), {"__doc__": words, "__module__": __name__})
    return keras.saving.register_keras_serializable("tfapp", name)(made)


_KINDS = (
    keras.optimizers.SGD,
    keras.optimizers.Adagrad,
    keras.optimizers.Adadelta,
    keras.optimizers.RMSprop,
    keras.optimizers.Adam,
    AdaptiveOptimizer,
    Eve,
)
_CLASSES = {kind: _factored(kind) for kind in _KINDS}


def with_rate_factors(optimizer, rate_factors):
    """Return an optimizer whose learning rate is multiplied by a factor of each variable's own.

    Some toolboxes have such factors in their layers, MatConvNet and Caffe among them: biases at twice the rate, or a
    last layer at a tenth of it. What an optimizer keeps of the gradients does not know of the factors; only how far the
    variables go does.

    Args:
        optimizer: Keras's SGD, Adagrad, Adadelta, RMSprop or Adam, an `AdaptiveOptimizer` or `Eve`, not yet used. The
            steps of `BPGrad` and `ALIG` are along the gradient as a whole: they have no factors.
        rate_factors: Dictionary from ends of the paths of variables, such as `kernel` or `scores/bias`, to numbers of
            at least 0. Of several that fit, the longest counts; a variable that none fits has the factor 1.

    Returns:
        An optimizer of the same kind, which is saved with the factors.

    Raises:
        ValueError: For another optimizer, one with `weight_decay`, a factor below 0, or, when it is built, an end that
            no variable has.
    """
    if type(optimizer) not in _CLASSES:
        known = ", ".join(one.__name__ for one in _CLASSES)
        raise ValueError(f"`optimizer` must be one of {known}. Received: {type(optimizer).__name__}.")
    if type(optimizer) is not Eve and optimizer.weight_decay:
        raise ValueError(
            "The decay of Keras's optimizers takes its own way to the weights, without factors: give the decay to the "
            f"model, as a regulariser of its layers. Received: weight_decay={optimizer.weight_decay}."
        )
    return _CLASSES[type(optimizer)].from_config(optimizer.get_config() | {"rate_factors": rate_factors})


def unknown_ends(paths, rate_factors) -> list[str]:
    """Return the ends in `rate_factors` that no path of a variable has."""
    return [name for name in rate_factors if not any(_ends(path, name) for path in paths)]


def factor_of(path, rate_factors) -> float:
    """Return the factor of the variable with a path, of those that `with_rate_factors` takes."""
    fitting = [name for name in rate_factors if _ends(path, name)]
    return rate_factors[max(fitting, key=len)] if fitting else 1.0


def _ends(path, name):
    return f"/{path}".endswith(f"/{name}")
