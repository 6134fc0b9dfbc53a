"""Adagrad, RMSProp, Adadelta, Adam and AMSGrad as one optimizer, with the choices in which descriptions differ."""

import keras
import tensorflow as tf

from tfapp.optimizers.arguments import in_unit_interval, positive
from tfapp.optimizers.updates import dense, plain

RULES = ("adagrad", "rmsprop", "adadelta", "adam", "amsgrad")
_WITH_MEAN = ("adam", "amsgrad")
# Of each rule where papers and toolboxes have them.
_RATES = {"adagrad": 0.01, "rmsprop": 0.001, "adadelta": 1.0, "adam": 0.001, "amsgrad": 0.001}
_RHOS = {"adagrad": 1.0, "rmsprop": 0.99, "adadelta": 0.9, "adam": None, "amsgrad": None}
_EPSILONS = {"adagrad": 1e-10, "rmsprop": 1e-8, "adadelta": 1e-6, "adam": 1e-8, "amsgrad": 1e-8}


@keras.saving.register_keras_serializable("tfapp")
class AdaptiveOptimizer(keras.optimizers.Optimizer):
    """Adagrad, RMSProp, Adadelta, Adam or AMSGrad, with the choices in which their descriptions differ.

    With the gradient g, and root(s) = sqrt(s) + epsilon, or sqrt(s + epsilon) with `epsilon_inside`:

        adagrad:   s <- rho s + g^2,                 x <- x - learning_rate g / root(s)
        rmsprop:   s <- rho s + (1 - rho) g^2,       x <- x - learning_rate g / root(s)
        adadelta:  s <- rho s + (1 - rho) g^2,       d <- sqrt(q + epsilon) / root(s) g
                   q <- rho q + (1 - rho) d^2,       x <- x - learning_rate d
        adam:      m <- beta_1 m + (1 - beta_1) g,   s <- beta_2 s + (1 - beta_2) g^2
                   x <- x - learning_rate m' / root(s')
        amsgrad:   as adam, with the largest s so far, h <- max(h, s), in place of s

    where m' and s' are m / (1 - beta_1^t) and s / (1 - beta_2^t) with `bias_correction`, and m and s without. All
    begin with 0. Keras's own optimizers have one of these choices each: its Adagrad forgets nothing and begins with
    0.1, its RMSProp and Adadelta have epsilon inside of the root, its Adam corrects, with epsilon before the
    correction. For trainings as others describe them: Wu (2020), appendix A, names rho of Adagrad, as MatConvNet has
    it. That Adagrad with rho < 1 is also RMSProp without the factor 1 - rho, as lecture notes have it (Mądry, 2018):
    its rate is that of RMSProp times sqrt(1 - rho). AMSGrad as published has no correction of the bias.

    Args:
        rule: One of `RULES`.
        learning_rate: A number or a schedule; None for 0.01, 0.001, 1, 0.001 and 0.001, in the order of
            `RULES`.
        rho: In [0, 1], and below 1 but for Adagrad: the share of the sum or mean of squares that is kept; None for
            1, 0.99 and 0.9. Not for Adam and AMSGrad.
        beta_1, beta_2: In [0, 1), of Adam and AMSGrad.
        epsilon: Float > 0; None for 1e-10, 1e-8, 1e-6, 1e-8 and 1e-8.
        epsilon_inside: Whether it is added under the root.
        bias_correction: Of Adam and AMSGrad.
        name: Name of the optimizer; None for the rule.
        **kwargs: Those of every Keras optimizer.

    Raises:
        ValueError: For an argument out of its range, or rho for Adam or AMSGrad.

    References:
        J. Duchi, E. Hazan, Y. Singer, JMLR 2011; T. Tieleman, G. Hinton, 2012; M. Zeiler, 2012, arXiv:1212.5701;
        D. Kingma, J. Ba, ICLR 2015; S. Reddi, S. Kale, S. Kumar, ICLR 2018 (AMSGrad, algorithm 2); Y. Wu,
        dissertation, appendix A.
    """

    def __init__(
        self,
        rule,
        learning_rate=None,
        rho=None,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=None,
        epsilon_inside=False,
        bias_correction=True,
        name=None,
        **kwargs,
    ):
        if rule not in RULES:
            raise ValueError(f"`rule` must be one of {RULES}. Received: rule={rule!r}.")
        if rule in _WITH_MEAN and rho is not None:
            title = "Adam" if rule == "adam" else "AMSGrad"
            raise ValueError(f"`rho` is not for {title}, which has `beta_2`. Received: rho={rho}.")
        super().__init__(
            _RATES[rule] if learning_rate is None else learning_rate, name=name or rule, **kwargs
        )
        self.rule, self.epsilon_inside, self.bias_correction = (
            rule,
            bool(epsilon_inside),
            bool(bias_correction),
        )
        rho = _RHOS[rule] if rho is None else rho
        self.rho = None if rule in _WITH_MEAN else in_unit_interval("rho", rho, closed=rule == "adagrad")
        self.beta_1, self.beta_2 = in_unit_interval("beta_1", beta_1), in_unit_interval("beta_2", beta_2)
        self.epsilon = positive("epsilon", _EPSILONS[rule] if epsilon is None else epsilon)

    def build(self, variables):
        super().build(variables)
        self._squares = self.add_optimizer_variables(variables, "square")
        second = {"adadelta": "squared_step", "adam": "mean", "amsgrad": "mean"}.get(self.rule)
        self._seconds = self.add_optimizer_variables(variables, second) if second else None
        is_bounded = self.rule == "amsgrad"
        self._largest = self.add_optimizer_variables(variables, "largest_square") if is_bounded else None

    def update_step(self, gradient, variable, learning_rate):
        index = self._get_variable_index(variable)
        square, variable = plain(self._squares[index]), plain(variable)
        dtype = variable.dtype
        rate, gradient = tf.cast(learning_rate, dtype), tf.cast(dense(gradient, variable), dtype)
        kept = self.beta_2 if self.rule in _WITH_MEAN else self.rho
        gain = 1.0 if self.rule == "adagrad" else 1.0 - kept
        square.assign(kept * square + gain * tf.square(gradient))
        if self.rule == "amsgrad":
            largest = plain(self._largest[index])
            largest.assign(tf.maximum(largest, square))
            square = largest
        if self.rule in _WITH_MEAN:
            step = self._adam(gradient, square, plain(self._seconds[index]))
        elif self.rule == "adadelta":
            squared_step = plain(self._seconds[index])
            step = tf.sqrt(squared_step + self.epsilon) / self._root(square) * gradient
            squared_step.assign(kept * squared_step + gain * tf.square(step))
        else:
            step = gradient / self._root(square)
        variable.assign_sub(rate * step)

    def _adam(self, gradient, square, mean):
        mean.assign(self.beta_1 * mean + (1.0 - self.beta_1) * gradient)
        if not self.bias_correction:
            return mean / self._root(square)
        count = tf.cast(self.iterations + 1, gradient.dtype)
        first, second = (
            1.0 - tf.constant(beta, gradient.dtype) ** count for beta in (self.beta_1, self.beta_2)
        )
        return mean / first / self._root(square / second)

    def _root(self, square):
        return tf.sqrt(square + self.epsilon) if self.epsilon_inside else tf.sqrt(square) + self.epsilon

    def get_config(self):
        names = ("rule", "rho", "beta_1", "beta_2", "epsilon", "epsilon_inside", "bias_correction")
        return super().get_config() | {name: getattr(self, name) for name in names}
