"""Base of the optimizers that differentiate the model themselves, which they know from `compile` and `compute_loss`."""

import keras
import tensorflow as tf

from tfapp.optimizers.arguments import positive
from tfapp.optimizers.kfac.model_batch import ModelBatch, teach_model
from tfapp.optimizers.kfac.output_distribution import distribution_of
from tfapp.optimizers.updates import average_weights, dense


class CurvatureOptimizer(keras.optimizers.Optimizer):
    """Keras optimizer whose rule knows the model, the distribution of its labels, and the batch of the step.

    A subclass has the names of what it measures in `MEASURED`, and `advance`, which moves the variables.

    Args:
        learning_rate: A number or a schedule, which multiplies every step.
        damping: Float > 0, the loss per squared length of the weights that is added to the curvature.
        fisher_share: In (0, 1], the share of each batch, its first examples, that the Fisher matrix is estimated on.
        **kwargs: Those of every Keras optimizer, but for `gradient_accumulation_steps`.

    Raises:
        ValueError: For an argument out of its range.
    """

    MEASURED = ()

    def __init__(self, learning_rate, damping, fisher_share=1.0, **kwargs):
        title = type(self).__name__
        if kwargs.get("gradient_accumulation_steps"):
            raise ValueError(
                f"{title} sees one batch a step, and would estimate curvature and gradient on different examples: take "
                "a larger batch in place of `gradient_accumulation_steps`. "
                f"Received: gradient_accumulation_steps={kwargs['gradient_accumulation_steps']}."
            )
        super().__init__(learning_rate=learning_rate, **kwargs)
        self.damping = positive("damping", damping)
        self.fisher_share = positive("fisher_share", fisher_share)
        if self.fisher_share > 1:
            raise ValueError(f"`fisher_share` must lie in (0, 1]. Received: fisher_share={fisher_share}.")
        self._handed = ModelBatch()

    def bind(self, model, loss=None):
        """Take a model as the one to train; `compile` does it.

        Args:
            model: Keras model with one output, of one precision.
            loss: Its loss, in a training loop of one's own; by default that it is compiled with.

        Raises:
            ValueError: If the distribution of its labels is not known, or it computes in mixed precision.
        """
        title = type(self).__name__
        self._handed.distribution = distribution_of(model.loss if loss is None else loss, title)
        self._handed.model, self._handed.loss = model, loss
        if model.built:
            self._check_precision(model)
        elif isinstance(getattr(model, "optimizer", None), keras.optimizers.LossScaleOptimizer):
            raise ValueError(_mixed(title, "a loss-scaling wrapper"))

    def record_batch(self, x, y=None, sample_weight=None):
        """Keep the batch of the next `apply`; `compute_loss` of the bound model does it in `fit()`.

        Args:
            x: Inputs of the model, a nest of tensors.
            y: Labels; without them neither the empirical Fisher matrix nor an adaptive damping can be had.
            sample_weight: Must be None.

        Raises:
            ValueError: For weights of examples, or a batch of one example.
        """
        title = type(self).__name__
        if sample_weight is not None:
            raise ValueError(
                f"{title} takes the loss for the mean over the examples, which have no weights: leave out "
                "`sample_weight` and `class_weight`. Received: weights of the examples."
            )
        sizes = {tf.TensorShape(getattr(part, "shape", None))[0] for part in tf.nest.flatten(x)}
        if sizes == {1}:
            raise ValueError(
                f"{title} estimates curvature from a batch of several examples. Received: a batch of 1 example."
            )
        self._handed.put(x, y)

    def build(self, variables):
        title = type(self).__name__
        if self._handed.model is None:
            raise ValueError(
                f"{title} has to know the model before its variables are made: compile a model with it, or call "
                "`optimizer.bind(model, loss)`. Received: variables of an unknown model."
            )
        if tf.distribute.get_strategy().num_replicas_in_sync > 1:
            raise ValueError(
                f"{title} trains on one device. Received: a strategy of "
                f"{tf.distribute.get_strategy().num_replicas_in_sync} replicas."
            )
        self._check_precision(self._handed.model)
        super().build(variables)
        self._scalars = self.add_variable(
            shape=(len(self.initial_scalars()),),
            dtype=variables[0].dtype,
            initializer=lambda shape, dtype: tf.constant(self.initial_scalars(), dtype),
            name="measured",
        )

    def initial_scalars(self):
        """Return the first values of the scalars that are kept between steps, those of `MEASURED` in front."""
        return [0.0] * len(self.MEASURED)

    def measured(self):
        """Return the scalars of the last step as a dictionary from their names in `MEASURED` to floats."""
        values = self._scalars.numpy() if self.built else self.initial_scalars()
        return {name: float(value) for name, value in zip(self.MEASURED, values, strict=False)}

    def advance(self, gradients, batch, share):
        """Move the variables that the optimizer was built for.

        Args:
            gradients: Dense tensors, one for each variable.
            batch: `(x, y)` of the step.
            share: `x` of the examples that the Fisher matrix is estimated on, and their labels.
        """
        raise NotImplementedError

    def _backend_apply_gradients(self, grads, trainable_variables):
        batch = self._handed.take()
        if batch is None:
            raise RuntimeError(
                f"{type(self).__name__} needs the examples of the step, expected from `compute_loss` of the model, "
                "which Keras's own `train_step` calls. Received: no batch. In a training loop or a `compute_loss` of "
                "your own call `optimizer.record_batch(x, y)` before `apply`."
            )
        grads = self._clip_gradients(grads)
        self._apply_weight_decay(trainable_variables)
        given = {self._get_variable_index(v): g for v, g in zip(trainable_variables, grads, strict=True)}
        gradients = [
            dense(given[index], variable) if index in given else tf.zeros(variable.shape, variable.dtype)
            for index, variable in enumerate(self._trainable_variables)
        ]
        self.advance(gradients, batch, self._share(batch))
        # To measure a loss `compute_loss` may have been called again.
        self._handed.take()
        if self.use_ema:
            average_weights(self)

    def _share(self, batch):
        if self.fisher_share == 1:
            return batch
        examples = tf.shape(next(part for part in tf.nest.flatten(batch[0]) if part is not None))[0]
        count = tf.cast(tf.math.ceil(tf.cast(examples, tf.float32) * self.fisher_share), tf.int32)
        return tf.nest.map_structure(lambda part: None if part is None else part[:count], batch)

    def _check_precision(self, model):
        for layer in model._flatten_layers():
            if layer.variables and layer.compute_dtype != layer.variable_dtype:
                raise ValueError(
                    _mixed(type(self).__name__, f"{layer.name!r}, which computes in {layer.compute_dtype}")
                )

    def get_config(self):
        config = super().get_config() | {"damping": self.damping, "fisher_share": self.fisher_share}
        return config


def _mixed(title, received):
    return (
        f"{title} inverts matrices, for which mixed precision is too coarse: make the model with the dtype policy "
        f"float32. Received: {received}."
    )


teach_model(keras.Model, CurvatureOptimizer)
