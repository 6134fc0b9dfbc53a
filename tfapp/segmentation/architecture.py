"""Options of `TrainConfig` that only some networks take: modules and widths by level, weights of an encoder."""

from inspect import signature

from tfapp.errors import InputError, either
from tfapp.models import MODELS

OF_SOME_MODELS = ("modules", "widths", "equal_parameters")
_MOST = 4096


def check_architecture(config):
    """Raise InputError for an option that the network does not take, or a list that does not fit its levels.

    Args:
        config: `TrainConfig`, whose model is one of `MODELS`.
    """
    if config.encoder_weights is not None and "encoder_weights" not in _parameters(config):
        raise InputError(
            f"`encoder_weights` are for networks with a VGG-16 encoder ({', '.join(_takers('encoder_weights'))}); "
            f"got `model` {config.model}."
        )
    for name in OF_SOME_MODELS:
        if getattr(config, name) and name not in _parameters(config):
            raise InputError(f"`{name}` is for `model` {either(_takers(name))}; got `model` {config.model}.")
    depth = _parameters(config)["depth"].default if config.depth is None else config.depth
    for name, count, least in (("modules", depth, 0), ("widths", depth + 1, 1)):
        numbers = _whole_numbers(getattr(config, name))
        if numbers is not None and not (
            len(numbers) == count and all(least <= one <= _MOST for one in numbers)
        ):
            raise InputError(
                f"`{name}` must be {count} whole numbers from {least} to {_MOST} with commas, one for each level from "
                f"the image down; got {getattr(config, name)!r}."
            )


def architecture_of(config):
    """Return the options of the architecture that are not at their defaults, as the model takes them."""
    lists = {name: _whole_numbers(getattr(config, name)) for name in ("modules", "widths")}
    given = {name: numbers for name, numbers in lists.items() if numbers is not None}
    given |= {"equal_parameters": True} if config.equal_parameters else {}
    return given | ({} if config.batch_norm is None else {"batch_norm": config.batch_norm})


def _parameters(config):
    return signature(MODELS[config.model]).parameters


def _takers(option):
    return [name for name, model in MODELS.items() if option in signature(model).parameters]


def _whole_numbers(text):
    """Return the whole numbers of a list with commas; None of None, and an empty list if it is no such list."""
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    return [int(part) for part in parts] if all(part.isdecimal() and len(part) < 6 for part in parts) else []
