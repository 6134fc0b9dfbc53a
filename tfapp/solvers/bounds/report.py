"""What a person should know of the steps of an epoch, in sentences."""

import math

from tfapp.errors import InputError


def why_skipped(optimizer, loss):
    """Return the most likely reason why steps were skipped, as the end of a sentence.

    Args:
        optimizer: `LossAwareOptimizer`.
        loss: Mean loss of the epoch, as Keras logs it, or None.
    """
    if loss is not None and not math.isfinite(loss):
        return "most likely because the loss was NaN or infinite: check the data, or take a larger L or `max_step`"
    if loss is not None and loss + optimizer.loss_offset < 0:
        return (
            f"most likely because the loss, {loss:.4g} in the mean, is negative: raise `loss_offset` "
            f"(now {optimizer.loss_offset:g})"
        )
    return (
        "because their gradient was zero (the loss is constant), NaN or infinite, or their loss negative (then raise "
        "`loss_offset`)"
    )


def skipped_steps(optimizer, measured, num_new, epoch, loss):
    """Return a sentence on the steps that an epoch skipped, or None.

    Args:
        optimizer: `LossAwareOptimizer`.
        measured: What its `measured()` returned.
        num_new: Steps that were skipped in this epoch.
        epoch: Its number, counted from 1.
        loss: As for `why_skipped`.
    """
    if num_new <= 0:
        return None
    total = f", {measured['num_skipped']:.0f} in all" if measured["num_skipped"] > num_new else ""
    return f"Epoch {epoch} skipped {num_new:.0f} steps{total}, {why_skipped(optimizer, loss)}."


def steep_gradient(optimizer, measured):
    """Return a sentence on a gradient that is steeper than L, or None.

    `"auto"` chooses L below the largest gradient on purpose, and is not reproached with it.
    """
    largest, lipschitz = measured.get("max_gradient_norm", 0.0), measured.get("lipschitz", 0.0)
    if largest <= lipschitz or not lipschitz or optimizer.lipschitz == "auto":
        return None
    return (
        f"A gradient had the norm {largest:.4g}, above L = {lipschitz:.4g}, which proves that L is too small to be a "
        "Lipschitz constant of the loss: if the training does not go well, take a larger `lipschitz`."
    )


def check_auto(optimizer, measured, loss):
    """Raise InputError if `lipschitz="auto"` has not found anything yet because no step could be taken."""
    if getattr(optimizer, "lipschitz", None) != "auto" or not measured["num_skipped"]:
        return
    if math.isinf(measured["best_loss"]):
        raise InputError(
            '`lipschitz="auto"` must see a loss that changes with the weights. Received: none of '
            f"{measured['num_skipped']:.0f} steps could be taken, {why_skipped(optimizer, loss)}."
        )
