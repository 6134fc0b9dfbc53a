"""Configurations of trainings as `run.json` keeps them, of this version and of earlier ones."""

from dataclasses import asdict, fields, replace

from tfapp.models import MODELS
from tfapp.segmentation.config import CHOICES, TrainConfig


def with_defaults(settings):
    """Return stored settings with those that are younger than the run: they had their defaults then."""
    chosen = {name: settings[name] for name in ("model", "optimizer") if settings.get(name) in CHOICES[name]}
    return {**asdict(TrainConfig(**chosen).completed()), **settings}


def stored_config(settings):
    """Return the `TrainConfig` of a stored configuration; it is not checked.

    Args:
        settings: The `config` of a `run.json`, whose entries are of the types of `TrainConfig`.
    """
    known = {field.name for field in fields(TrainConfig)}
    chosen = {name: value for name, value in with_defaults(settings).items() if name in known}
    for name in ("resize", "crop"):
        if chosen[name] is not None:
            chosen[name] = tuple(chosen[name])
    return TrainConfig(**chosen)


def check_stored(settings):
    """Raise InputError for an option of a stored configuration that is out of its choices or range.

    Args:
        settings: As for `stored_config`.
    """
    config = stored_config(settings)
    if config.model not in MODELS:
        # It is loaded from its file: a name of another version decides nothing.
        config = replace(config, model=TrainConfig.model, encoder_weights=None)
    config.check()
