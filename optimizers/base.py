"""Base of the optimizers whose step depends on the value of the loss."""

import warnings

import keras
import tensorflow as tf

from tfapp.optimizers.loss_scaling import teach_wrapper
from tfapp.optimizers.metrics import Euclidean
from tfapp.optimizers.single_batches import teach_train_on_batch
from tfapp.optimizers.step_loss import StepLoss
from tfapp.optimizers.untracked import Untracked, WithoutNumbers, saved_numbers
from tfapp.optimizers.updates import average_weights, dense, plain


class LossAwareOptimizer(keras.optimizers.Optimizer):
    """Keras optimizer whose rule sees the loss of the step and the global norm of the gradient.

    Keras hands every loss to `scale_loss` before it differentiates, regularisation and added losses included;
    here it is kept until the gradients arrive. Both are summed over replicas and averaged over
    `gradient_accumulation_steps` before anything is computed, so that two replicas, or four accumulated batches,
    step exactly as one batch of the joined size, averages of weights included. Works with the TensorFlow backend only.

    A subclass has the names of its scalars in `MEASURED`, their first values in `INITIAL`, `advance`, which is
    its rule for scalars, and Keras's `update_step`, which is that for one variable.

    Settings named in `ADJUSTABLE` may be set at any time, by a callback too, and hold from the next step on; those in
    `FIXED` only before training begins. A rule reads the former by `number`. Those that are numbers are saved with the
    variables, so that `BackupAndRestore`, `save_weights` and `save` keep what a callback has set.

    Where `MEASURED` has `num_skipped`, skipped steps are told with their cause: by a warning when `fit()` ends, after
    `train_on_batch`, or at once where every step runs eagerly. In a graph of one's own nothing of Python runs: look at
    `measured()` there.

    `weight_decay` is coupled: wd/2 |w|^2 is added to the loss and wd w to the gradient, as an L2 regulariser of
    the model would (Keras's own decay is decoupled, and multiplied by the learning rate); where `decays_loss` is False
    wd w is added to what the variables move along, and neither the loss nor the norm of the gradient knows of it.
    Embedding gradients are made dense.

    Keras's clipping (`clipnorm`, `global_clipnorm`, `clipvalue`) changes the gradients that the variables move along,
    and no scalar: the norm of the gradient is that of the loss.
    """

    MEASURED = ()
    INITIAL = ()
    ADJUSTABLE = ("loss_offset", "weight_decay")
    FIXED = ()
    decays_loss = True

    def __init__(self, learning_rate, loss_offset=0.0, **kwargs):
        super().__init__(learning_rate=learning_rate, **kwargs)
        self._untracked = Untracked()
        self.loss_offset = loss_offset
        self._step_loss = StepLoss()

    def __setattr__(self, name, value):
        # Keras itself sets some while it is constructed.
        if name in (*self.ADJUSTABLE, *self.FIXED) and "_untracked" in self.__dict__:
            value = self.checked(name, value)
            self._change(name, value)
        super().__setattr__(name, value)

    def checked(self, name, value):
        """Return a setting in its own type.

        Raises:
            ValueError: If it is out of its range.
        """
        if name == "loss_offset" and not float("-inf") < value < float("inf"):
            raise ValueError(f"`loss_offset` must be a finite number. Received: loss_offset={value}.")
        return float(value) if name == "loss_offset" else value

    def variable_number(self, name):
        """Return the number that an adjustable setting begins with, or None if it is none that can change."""
        value = getattr(self, name)
        return value if isinstance(value, float) else None

    def number(self, name, dtype):
        """Return an adjustable setting as a scalar tensor, which follows changes also in a traced step."""
        return tf.cast(tf.convert_to_tensor(self._untracked.numbers.get(name, getattr(self, name))), dtype)

    def _change(self, name, value):
        before = getattr(self, name, value)
        if not self.built or value is before or value == before:
            return
        variable = self._untracked.numbers.get(name)
        if variable is None or not isinstance(value, float):
            raise ValueError(
                f"`{name}` cannot be changed from {before!r} to {value!r} once training has begun: the step is traced "
                f"with it. Make a new optimizer with the other `{name}` and compile again."
            )
        variable.assign(value)

    def build(self, variables):
        super().build(variables)
        self._scalars = self.add_variable(
            shape=(len(self.initial_scalars()),),
            dtype="float64" if any(v.dtype == "float64" for v in variables) else "float32",
            initializer=lambda shape, dtype: tf.constant(self.initial_scalars(), dtype),
            aggregation="only_first_replica",
            name="measured",
        )
        for name in self.ADJUSTABLE:
            if self.variable_number(name) is not None:
                self._untracked.add_number(name, self.variable_number(name))
        if "num_skipped" in self.MEASURED:
            self._untracked.add_skips()
        if self.gradient_accumulation_steps:
            self._accumulated_loss = self.add_variable(
                shape=(), dtype=self._scalars.dtype, aggregation="only_first_replica", name="accumulated_loss"
            )

    def save_own_variables(self, store):
        """Write the variables, by number as Keras does, and the settings that are numbers, by name."""
        super().save_own_variables(store)
        self._untracked.save_numbers(store)

    def load_own_variables(self, store):
        """Read what `save_own_variables` wrote, or an earlier version without settings.

        Settings hold from the next step on, as Keras's learning rate does. One that this optimizer cannot take without
        another graph is left as it is, with a warning.
        """
        variables = WithoutNumbers(store)
        super().load_own_variables(variables)
        # Of another number Keras loads nothing, and says so.
        if len(variables.keys()) != len(self.variables):
            return
        for name, value in saved_numbers(store).items():
            if name in self._untracked.numbers:
                setattr(self, name, value)
            else:
                warnings.warn(
                    f"{self.name} was saved with `{name}` = {value:g}, and was made with {getattr(self, name, None)!r} "
                    "now, which stays: its step has no place for that number. Make it with a number to take it.",
                    stacklevel=2,
                )

    def measured(self):
        """Return the scalars of the last step as a dictionary from their names in `MEASURED` to floats."""
        values = self._scalars.numpy() if self.built else self.INITIAL
        return {name: float(value) for name, value in zip(self.MEASURED, values, strict=False)}

    def initial_scalars(self):
        """Return the first values of the scalars that are kept between steps, those of `MEASURED` in front."""
        return list(self.INITIAL)

    def record_loss(self, loss, *, alone=False):
        """Keep the loss, a scalar tensor, for the next `apply`, and return it for the tape.

        Args:
            loss: Scalar tensor.
            alone: Whether it is that of the next step whatever was recorded before.

        Raises:
            ValueError: If it is not one number.
        """
        shape = tf.TensorShape(getattr(loss, "shape", ()))
        if shape.rank:
            raise ValueError(
                "`loss` must be one number, that of the whole step: take `tf.reduce_mean(loss)` of it inside the tape, "
                f"so that the gradients are its own. Received: a loss of shape {tuple(shape)}."
            )
        return self._step_loss.put_alone(loss) if alone else self._step_loss.put(loss)

    def forget_loss(self):
        """Forget the losses that were recorded since the last step: those of one that is not taken."""
        self._step_loss.drop()

    def scale_loss(self, loss):
        """Return the loss to differentiate, which is kept for the next `apply`.

        Call it once for each step, with the whole loss: the sum of its parts, and of accumulated batches. Losses that
        are never differentiated, as in an evaluation, do not count; of several that are, `apply` refuses to choose.
        """
        return super().scale_loss(self.record_loss(loss))

    def apply(self, grads, trainable_variables=None, loss=None):
        """Update the variables.

        Args:
            grads: Gradients, one for each variable.
            trainable_variables: The variables; by default those that the optimizer was built for.
            loss: Scalar tensor of the loss that the gradients belong to, where `scale_loss` was not called once for
                the whole of it. Under `tf.distribute` it is this replica's share, as for the gradients: the shares are
                summed.

        Raises:
            RuntimeError: Without a loss, or where since the last step more than one was differentiated.
        """
        if loss is not None:
            self.record_loss(loss, alone=True)
        super().apply(grads, trainable_variables)
        # Replicas that run eagerly take turns; what they have in common is read after them.
        if tf.executing_eagerly() and tf.distribute.get_strategy().num_replicas_in_sync == 1:
            self._untracked.report(self, begin_anew=False)

    def finalize_variable_values(self, var_list):
        # Keras calls it at the end of `fit()`, outside every graph.
        super().finalize_variable_values(var_list)
        self._untracked.report(self, begin_anew=True)

    def report_batch(self):
        """Warn of skipped steps after a `train_on_batch`: once for each cause, until a `fit()` ends."""
        self._untracked.report_alone(self)

    def mark_skips_as_told(self):
        """Leave out the warning of skipped steps in this training: a callback reported them already."""
        self._untracked.mark_as_told()

    def least_loss(self, dtype):
        """Return the smallest loss that the rule allows."""
        return tf.zeros((), dtype)

    def advance(self, loss, gradient_norm, scalars, is_due):
        """Return what follows from the loss and the norm of the gradient.

        Args:
            loss: Scalar, `loss_offset` and weight decay included.
            gradient_norm: Scalar, over all variables: of the gradient of the loss, before any clipping, in the metric.
            scalars: Scalars after the last step, those of `MEASURED` in front.
            is_due: Whether the variables move now; False while gradients are being accumulated.

        Returns:
            The new scalars, and the tuple of scalars that `update_step` gets in place of the learning rate.
        """
        raise NotImplementedError

    def metric_of(self, gradients, loss, is_due):
        """Return the metric in which gradients are measured and the variables move: `metrics` has them.

        Args:
            gradients: Gradients of the loss, one for each variable.
            loss, is_due: As for `advance`.
        """
        del is_due
        return Euclidean(gradients, loss.dtype)

    def direction_at_rest(self, gradients, metric):
        """Return what takes the place of gradients that may all be zero.

        Args:
            gradients: Gradients, one for each variable.
            metric: That of `metric_of`.
        """
        del metric
        return gradients

    def clipped_direction(self, gradients, metric):
        """Return what takes the place of gradients that were clipped.

        Args:
            gradients: Clipped gradients, one for each variable.
            metric: That of `metric_of`.
        """
        del metric
        return gradients

    @property
    def _clips(self):
        return any(limit and limit > 0 for limit in (self.clipnorm, self.global_clipnorm, self.clipvalue))

    def _apply_weight_decay(self, variables):
        del variables  # It is part of the loss and of the gradient here.

    def _backend_apply_gradients(self, grads, trainable_variables):
        variables = [plain(variable) for variable in trainable_variables]
        # Inside the branch of the loss-scaling wrapper the loss must become a tensor of that branch first.
        loss = tf.identity(tf.cast(self._step_loss.take(self.name), self._scalars.dtype))
        grads = [dense(grad, variable) for grad, variable in zip(grads, variables, strict=True)]
        *grads, loss = _summed_over_replicas([*grads, loss])
        slots = []
        is_due = True
        if self.gradient_accumulation_steps:
            grads, loss, is_due, slots = self._accumulated(grads, loss, trainable_variables)
        clipped = self._clip_gradients(grads) if self._clips else None
        # Not of 0 alone: it may be set to another number, which the traced step then must follow.
        if self.weight_decay is not None and self.decays_loss:
            if clipped is not None:
                clipped, _ = self._with_weight_decay(clipped, loss, trainable_variables)
            grads, loss = self._with_weight_decay(grads, loss, trainable_variables)
        loss += self.number("loss_offset", loss.dtype)
        before, metric = tf.convert_to_tensor(self._scalars), self.metric_of(grads, loss, is_due)
        if clipped is not None:
            grads = self.clipped_direction(clipped, metric)
        grads = self.direction_at_rest(grads, metric)
        if self.weight_decay is not None and not self.decays_loss:
            grads, _ = self._with_weight_decay(grads, loss, trainable_variables)
        scalars, rates = self.advance(loss, metric.norm, before, is_due)
        if self._untracked.skips is not None:
            counts = self._skips_of(loss, metric.norm, scalars - before, is_due)
            skips = self._untracked.skips
            slots = [*slots, (tf.convert_to_tensor(skips) + counts, skips.value)]
        tf.__internal__.distribute.interim.maybe_merge_call(
            self._update_all,
            self._distribution_strategy,
            list(zip(metric.direction(grads), variables, strict=True)),
            rates,
            [*slots, *metric.slots, (scalars, self._scalars.value)],
        )
        if self.use_ema and is_due is True:
            average_weights(self)
        elif self.use_ema:
            # The weights moved at the last of the accumulated batches alone: one step, one average.
            keras.ops.cond(is_due, lambda: average_weights(self), lambda: None)

    def _skips_of(self, loss, gradient_norm, changes, is_due):
        """Return what a step adds to the counts of `Untracked`."""
        is_finite = tf.math.is_finite(loss) & tf.math.is_finite(gradient_norm)
        is_negative = is_finite & (loss < self.least_loss(loss.dtype))
        # Not of the difference: the first losses are infinite.
        is_skipped = changes[self.MEASURED.index("num_skipped")] > 0
        causes = (is_negative, ~is_finite, is_finite & ~is_negative)
        counts = [tf.convert_to_tensor(is_due), *(is_skipped & cause for cause in causes)]
        return tf.cast(tf.stack(counts), tf.float32)

    def _update_all(self, distribution, grads_and_vars, rates, slots):
        self._distributed_tf_update_step(distribution, grads_and_vars, rates)
        for value, slot in slots:
            distribution.extended.update(
                slot, lambda slot, value: slot.assign(value), args=(value,), group=False
            )

    def _accumulated(self, grads, loss, variables):
        """Return mean gradients and loss so far, whether they are complete, and the new sums with their slots."""
        # Without a branch: tf.cond around an update fails under MirroredStrategy.
        steps = self.gradient_accumulation_steps
        is_due = tf.equal((tf.convert_to_tensor(self._iterations) + 1) % steps, 0)
        sums = [self._accumulated_gradients[self._get_variable_index(variable)] for variable in variables]
        sums.append(self._accumulated_loss)
        totals = [tf.convert_to_tensor(s) + x for s, x in zip(sums, [*grads, loss], strict=True)]
        slots = [
            (tf.where(is_due, tf.zeros_like(total), total), s.value)
            for s, total in zip(sums, totals, strict=True)
        ]
        *grads, loss = (total / steps for total in totals)
        return grads, loss, is_due, slots

    def _with_weight_decay(self, grads, loss, variables):
        decayed = []
        for grad, variable in zip(grads, variables, strict=True):
            if self._use_weight_decay(variable):
                weights = tf.convert_to_tensor(variable)
                loss += tf.cast(
                    self.number("weight_decay", weights.dtype) * tf.nn.l2_loss(weights), loss.dtype
                )
                grad += self.number("weight_decay", grad.dtype) * tf.cast(weights, grad.dtype)
            decayed.append(grad)
        return decayed, loss

    def get_config(self):
        return super().get_config() | {"loss_offset": self.loss_offset}


def _summed_over_replicas(values):
    context = tf.distribute.get_replica_context()
    return context.all_reduce(tf.distribute.ReduceOp.SUM, values)


teach_wrapper(keras.optimizers.LossScaleOptimizer, LossAwareOptimizer)
teach_train_on_batch(keras.Model, LossAwareOptimizer)
