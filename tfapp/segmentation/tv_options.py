"""Options of `tfapp train` on total variation: their checks, and the head and the ReLUs that they make."""

from functools import partial

from tfapp.errors import InputError, either
from tfapp.layers import TVReLU
from tfapp.layers.arguments import LEAST_TOLERANCE
from tfapp.layers.tv.solver import METHODS_WITH_SHARES
from tfapp.layers.tv.weight_bounds import check_within, checked_bounds

# What shapes the TV-regularised ReLUs: a run without a TV head may have them.
RELU_OPTIONS = (
    *("tv_relu", "tv_relu_weight", "learn_tv_weight", "tv_step", "tv_iterations", "tv_inference_iterations"),
    *("tv_gradient", "tv_method", "tv_isotropic", "tv_tolerance"),
)
_SHARES_IN_SHORT = (
    "expected a share from 0 to 1 for each class, such as 0.2,0.5,0.3, or bounds of it, such as "
    "0.1:0.3,:0.5,0.2:"
)
# What the layer takes shares to sum to 1 by.
_SLACK = 1e-4


def head_options(config):
    """Return the keyword arguments of `TVSoftmax` that a `TrainConfig` asks for."""
    return {
        **_solver_options(config),
        "label_tolerance": config.tv_label_tolerance,
        "tv_weight": config.tv_weight,
        "per_class": config.tv_per_class,
        "edge_contrast": config.tv_edge_contrast,
        "weight_form": config.tv_weight_form,
        "weight_rate": config.tv_weight_rate,
        "weight_bounds": parse_bounds(config.tv_weight_bounds),
        "temperature": config.tv_temperature,
        "learn_temperature": config.learn_tv_temperature,
        "volumes": _volumes(parse_shares(config.tv_volumes)),
    }


def relu_maker(config):
    """Return the function from a name to the layer in the place of a ReLU, or None where ReLUs stay."""
    if not config.tv_relu:
        return None
    options = {**_solver_options(config), "tv_weight": config.tv_relu_weight}
    return lambda name: TVReLU(name=name, **options)


def _solver_options(config):
    return {
        "learn_tv_weight": config.learn_tv_weight,
        "step": config.tv_step,
        "iterations": config.tv_iterations,
        "inference_iterations": config.tv_inference_iterations,
        "gradient": config.tv_gradient,
        "method": config.tv_method,
        "isotropic": config.tv_isotropic,
        "tolerance": config.tv_tolerance,
    }


def check_tv(config):
    """Raise InputError for options of a `TrainConfig` that are out of range, or that exclude each other."""
    if config.tv_tolerance is not None and config.tv_tolerance < LEAST_TOLERANCE:
        raise InputError(
            f"`tv_tolerance` must be at least {LEAST_TOLERANCE:g}, which float32 can reach; got {config.tv_tolerance}."
        )
    if config.tv_label_tolerance is not None and not 0 < config.tv_label_tolerance < 1:
        raise InputError(
            f"`tv_label_tolerance` is a share of the pixels, between 0 and 1; got {config.tv_label_tolerance}."
        )
    if config.tv_label_tolerance is not None and config.tv_tolerance is not None:
        raise InputError("Take one of `tv_tolerance` and `tv_label_tolerance`: both say when the head stops.")
    stops = config.tv_tolerance is not None or config.tv_method == "preconditioned-fista"
    if config.tv_gradient == "unrolled" and stops:
        raise InputError(
            "`tv_gradient` unrolled goes through a fixed number of plain iterations: leave out `tv_tolerance` and "
            "`tv_method` preconditioned-fista, or take `tv_gradient` implicit."
        )
    bounds = parse_bounds(config.tv_weight_bounds)
    try:
        check_within(config.tv_weight, bounds)
    except ValueError:
        raise InputError(
            f"`tv_weight` {config.tv_weight:g}, which lambda begins with, must lie within `tv_weight_bounds` "
            f"{config.tv_weight_bounds}."
        ) from None
    if parse_shares(config.tv_volumes) is None:
        return
    if config.tv_gradient not in ("implicit", "jacobian-free"):
        raise InputError(
            f"`tv_volumes` are kept in training by `tv_gradient` implicit or jacobian-free only; got `tv_gradient` "
            f"{config.tv_gradient}."
        )
    if config.tv_method not in METHODS_WITH_SHARES:
        raise InputError(
            f"`tv_volumes` are kept by `tv_method` {either(METHODS_WITH_SHARES)} only; got `tv_method` "
            f"{config.tv_method}."
        )


def check_classes(config, dataset):
    """Raise InputError for shares of another number of classes than the data have."""
    shares = parse_shares(config.tv_volumes)
    if config.head == "tv-softmax" and shares is not None and len(shares) != dataset.num_classes:
        raise InputError(
            f"`tv_volumes` {config.tv_volumes} are shares of {len(shares)} classes; {dataset.spec} has "
            f"{dataset.num_classes}: {', '.join(dataset.class_names)}."
        )


def check_whole(config, framing):
    """Raise InputError for shares of the classes where the network is not trained on whole images."""
    if config.head != "tv-softmax" or config.tv_volumes is None or not (framing.patch or framing.crop):
        return
    cut = f"patches of {framing.patch} pixels" if framing.patch else "crops"
    raise InputError(
        f"`tv_volumes` are shares of whole images, and this training would cut {cut} out of them, which have other "
        "shares; use `resize` to train on whole images, or leave `tv_volumes` out."
    )


def completed_texts(config):
    """Return the options that are lists in texts, each written in one way, by name."""
    texts = {}
    if config.tv_volumes is not None:
        shares = parse_shares(config.tv_volumes)
        texts["tv_volumes"] = ",".join(_told(*share) for share in shares)
    if config.tv_weight_bounds is not None:
        texts["tv_weight_bounds"] = ",".join(map(_number, parse_bounds(config.tv_weight_bounds)))
    return texts


def _told(least, largest):
    return (
        _number(least) if least is not None and least == largest else f"{_number(least)}:{_number(largest)}"
    )


def _number(value):
    return "" if value is None else f"{value:g}" if float(f"{value:g}") == value else repr(value)


def parse_bounds(text):
    """Return the bounds (least, largest) of lambda in `LEAST,LARGEST`, None for an empty side; None of None.

    Raises:
        InputError: They are none.
    """
    if text is None:
        return None
    sides = text.split(",")
    refuse = partial(
        InputError,
        "`tv_weight_bounds` must be LEAST,LARGEST with 0 <= LEAST < LARGEST, such as 0.1,5, 0.1, or ,5 where an empty "
        f"side is no bound; got {text!r}.",
    )
    if len(sides) != 2 or not any(map(str.strip, sides)):
        raise refuse()
    try:
        return checked_bounds([float(side) if side.strip() else None for side in sides])
    except ValueError:
        raise refuse() from None


def parse_shares(text):
    """Return a pair (least, largest) for each class, None for no bound, of the text of `tv_volumes`; None of None.

    A class has one number, its share, or LEAST:LARGEST, where an empty side is no bound.

    Raises:
        InputError: They are no shares, or no output has them.
    """
    if text is None:
        return None
    shares = [_parse_share(part.strip(), text) for part in text.split(",")]
    if len(shares) < 2 or all(share == (None, None) for share in shares):
        raise InputError(f"`tv_volumes` {text!r} bound nothing; {_SHARES_IN_SHORT}.")
    least, largest = _bounds(shares)
    if sum(least) > 1 + _SLACK or sum(largest) < 1 - _SLACK:
        raise InputError(
            f"`tv_volumes` {text} cannot be met: all shares sum to 1, so that the least must sum to at most 1 and the "
            f"largest to at least 1; got sums of {sum(least):g} and {sum(largest):g}."
        )
    return shares


def _parse_share(part, text):
    least, colon, largest = part.partition(":")
    refuse = partial(InputError, f"`tv_volumes` {text!r} has {part!r} in it; {_SHARES_IN_SHORT}.")
    try:
        least = float(least) if least.strip() else None
        largest = (float(largest) if largest.strip() else None) if colon else least
    except ValueError:
        raise refuse() from None
    if not colon and least is None:
        raise refuse()
    low, high = (0.0 if least is None else least), (1.0 if largest is None else largest)
    # Written so that NaN is refused. No logits give a class all or nothing of the pixels.
    if not (0 <= low <= high <= 1 and low < 1 and high > 0):
        raise refuse()
    return least, largest


def _bounds(shares):
    least = tuple(0.0 if low is None else low for low, _ in shares)
    return least, tuple(1.0 if high is None else high for _, high in shares)


def _volumes(shares):
    """Return shares as the layer takes them."""
    if shares is None:
        return None
    least, largest = _bounds(shares)
    return least if least == largest else (least, largest)
