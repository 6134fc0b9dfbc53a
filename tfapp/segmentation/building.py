"""Network of a training, from its configuration and its data."""

import keras

from tfapp.models import add_weight_decay, build
from tfapp.runs.precision import dtype_policy
from tfapp.segmentation.architecture import architecture_of
from tfapp.segmentation.compiling import compile_configured
from tfapp.segmentation.tv_options import head_options, relu_maker


def initial_model(config, dataset):
    """Return the compiled network at the weights that its training began with, built anew from its seed.

    Args:
        config: Completed `TrainConfig`.
        dataset: The data of the training.

    Raises:
        InputError: The file of the encoder's weights is gone.
    """
    keras.utils.set_random_seed(config.seed)
    model = new_model(config, dataset, config.encoder_weights)
    compile_configured(model, config, dataset, 1)
    return model


def new_model(config, dataset, encoder_weights):
    """Return the untrained network of a completed `TrainConfig`, with the penalties on its weights.

    Args:
        config: `TrainConfig`.
        dataset: The data, which decide channels and classes.
        encoder_weights: File of the encoder's weights, or None.
    """
    options = {} if encoder_weights is None else {"encoder_weights": encoder_weights}
    is_tv = config.head == "tv-softmax"
    with dtype_policy(config.precision):
        model = build(
            config.model,
            1 if config.label_image else dataset.num_outputs,
            dataset.channels,
            head=config.head,
            head_options=head_options(config) if is_tv else None,
            guided=is_tv and config.tv_guide,
            relu=relu_maker(config),
            base_width=config.base_width,
            depth=config.depth,
            dropout=config.dropout,
            **architecture_of(config),
            **options,
        )
    # Not of the total variation's weight: it would be pulled towards less of it.
    decay = config.weight_decay if config.decays_loss else 0.0
    add_weight_decay(model, decay, kernels_only=True, l1_penalty=config.l1_penalty)
    return model
