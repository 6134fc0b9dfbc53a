"""Networks: segmenters by `build(name, num_classes, ...)`, classifiers by `build_classifier`, and work on both."""

from tfapp.lazy_names import missing_library

# At once, as the import registers losses that files of models name.
try:
    from tfapp.models.any_size import (
        at_own_size,
        check_placement,
        find_stride,
        fitted,
        resize_probabilities,
    )
    from tfapp.models.building import (
        HEADS,
        MODELS,
        REGRESSION_HEADS,
        TITLES,
        add_weight_decay,
        attach_head,
        build,
        current_tv_weights,
        logits_of,
        stride_of,
        tv_head,
    )
    from tfapp.models.classifiers import CLASSIFIERS, TanhSquaredError, build_classifier
    from tfapp.models.monte_carlo_dropout import SampledAnswer, monte_carlo_dropout
    from tfapp.models.probabilities import (
        OneHotMeanSquaredError,
        before_projection,
        on_simplex,
        with_probabilities,
    )
except ModuleNotFoundError as error:
    if told := missing_library(error, "tfapp.models"):
        raise ModuleNotFoundError(told, name=error.name) from error
    raise

__all__ = [
    "CLASSIFIERS",
    "TanhSquaredError",
    "HEADS",
    "MODELS",
    "OneHotMeanSquaredError",
    "REGRESSION_HEADS",
    "SampledAnswer",
    "TITLES",
    "add_weight_decay",
    "at_own_size",
    "attach_head",
    "before_projection",
    "build",
    "build_classifier",
    "current_tv_weights",
    "check_placement",
    "find_stride",
    "fitted",
    "logits_of",
    "monte_carlo_dropout",
    "on_simplex",
    "resize_probabilities",
    "stride_of",
    "tv_head",
    "with_probabilities",
]
