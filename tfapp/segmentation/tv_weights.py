"""The weights of the total variation while a network trains, for the history and for people."""

from tfapp.models import current_tv_weights, tv_head


def tv_weight_columns(model):
    """Return the weights of a model's TV head by column of `history.csv`; empty if it has no such head."""
    weights = _weights(model)
    names = ["tv_weight"] if len(weights) == 1 else [f"tv_weight_{i}" for i in range(len(weights))]
    return dict(zip(names, weights, strict=True))


def tv_weight_note(model):
    """Return the weights of a model's TV head as a progress bar shows them; empty if it has no such head."""
    weights = _weights(model)
    return " λ " + "/".join(f"{weight:.2f}" for weight in weights) if len(weights) else ""


def _weights(model):
    head = tv_head(model)
    return [] if head is None else current_tv_weights(head)
