"""Learning rates of the optimizers of a model, for its history, and their decay on plateau."""

from tfapp.errors import InputError
from tfapp.optimizers import RateSchedule
from tfapp.optimizers.plateau_decay import VALIDATION, plateau_of, rate_of_last_update
from tfapp.optimizers.rate_schedule import WARM_UP, warmed

# Attributes of a model that hold an optimizer, with the column of the history that has its rate.
_COLUMNS = {"optimizer": "learning_rate", "model_optimizer": "model_learning_rate"}


def optimizers_of(model) -> dict:
    """Return the optimizers of a compiled model by the names of their rates; pose models have two."""
    found = {column: getattr(model, name, None) for name, column in _COLUMNS.items()}
    return {column: optimizer for column, optimizer in found.items() if optimizer is not None}


def rates_of_last_update(model) -> dict[str, float]:
    """Return the learning rates of the last update of a model by the columns of the history."""
    return {column: rate_of_last_update(one) for column, one in optimizers_of(model).items()}


def observe_plateaus(model, logs, epochs=1) -> None:
    """Tell each decay on plateau the loss of an epoch.

    Args:
        model: Compiled Keras model.
        logs: What Keras logs: `loss`, and `val_loss` where there are data for validation.
        epochs: How many epochs, or iterations, the loss is of.
    """
    for plateau in plateaus_of(model):
        watched = plateau.watch or (VALIDATION if "val_loss" in logs else None)
        plateau.observe(logs["val_loss" if watched == VALIDATION else "loss"], epochs)


def plateaus_of(model) -> list:
    """Return the `PlateauDecay` of each optimizer of a model that has one."""
    found = (plateau_of(one) for one in optimizers_of(model).values())
    return [one for one in found if one is not None]


def parse_schedule(text, rate=None, *, epochs=None, validates=False) -> RateSchedule:
    """Return the `RateSchedule` of an option `schedule`.

    Args:
        text: As `RateSchedule.parse` takes it.
        rate: The learning rate that it begins with; None if that is not known.
        epochs: Of the training, whose warm-up has to be shorter; None if that is not known.
        validates: Whether the training may have data for validation.

    Raises:
        InputError: For a text that is none, a rate below its smallest, a watched loss that there is not, or a warm-up
            that is no shorter than the training.
    """
    try:
        found = RateSchedule.parse(text)
        if rate is not None:
            found.check_rate(rate)
        warmed(1.0, found.options[WARM_UP], 1, epochs)
    except ValueError as error:
        raise InputError(f"`schedule` {text} is not understood. {error}") from None
    if not validates:
        refuse_watched_validation(found, f"`schedule` {text}")
    return found


def refuse_watched_validation(schedule, told):
    """Raise InputError if a `RateSchedule`, or None, watches the loss of validation, where there are no data for it.

    Args:
        schedule: `RateSchedule`, or None for none.
        told: What was typed, for the message.
    """
    if schedule is not None and schedule.watches == VALIDATION:
        raise InputError(
            f"{told} watches the loss of validation, and this training has no data for validation; use watch=training."
        )
