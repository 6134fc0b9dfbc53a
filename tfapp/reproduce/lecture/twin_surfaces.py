"""Trainings of residual networks and their plain twins, the surfaces around what they found, and their table."""

from dataclasses import dataclass

import keras
import numpy as np

from tfapp.errors import InputError
from tfapp.landscape import landscape
from tfapp.landscape.grid import Grid
from tfapp.models import CLASSIFIERS
from tfapp.report.result_table import DASH, ResultTable
from tfapp.runs.checkpoints import LAST, load_kept
from tfapp.solvers.trainings.training import Job, train
from tfapp.solvers.trainings.workload import objective

# The plain twin, and the residual network.
TITLES = {"plain": "plain", "resnet": "ResNet"}
_SOLVER = "sgd-momentum"
_BATCH = 50  # images of a forward pass of a surface; no number depends on it


@dataclass(frozen=True, eq=False)
class TwinSurface:
    """A training and the surface around its end.

    Attributes:
        result: What `tfapp.solvers.trainings.training.train` returned.
        surface: `Surface`, or None of a training that diverged.
    """

    result: dict
    surface: Grid | None


def chosen_depths(text):
    """Return the depths that a list with commas names.

    Raises:
        InputError: For what is no depth of the networks, or stands twice.
    """
    known = [int(name.removeprefix("plain-")) for name in CLASSIFIERS if name.startswith("plain-")]
    parts = text.split(",")
    depths = [int(part) for part in parts if part.strip().isdecimal()]
    if len(depths) < len(parts) or len(set(depths)) < len(depths) or not set(depths) <= set(known):
        raise InputError(
            f"`depths` must be different numbers of {', '.join(map(str, known))}, with commas; got {text!r}."
        )
    return tuple(depths)


def surface_of(workload, rates, seed, epochs, out, progress, *, points, samples) -> TwinSurface:
    """Train a network, or go on with it, and measure the surface around its end, or go on with that.

    Args:
        workload: `Workload`, whose last tenth of the images is held out.
        rates: Learning rate, or rates by epoch, as text.
        seed: Of weights, order and directions.
        epochs: Epochs.
        out: Folder; a training lies in `trainings/NETWORK`, a surface in `surfaces/NETWORK.npz`.
        progress: `Progress`.
        points: Points along an axis.
        samples: How many of the training images the loss is measured on, the first ones.

    Raises:
        InputError: For a folder with another training, or the surface of another setting.
    """
    job = Job(workload, _SOLVER, float(rates) if rates.replace(".", "").isdecimal() else rates, seed, epochs)
    folder = out / "trainings" / workload.model
    with progress.task(f"{workload.model}, training", epochs) as task:
        result = train(job, folder, task)
    if result["diverged"]:
        return TwinSurface(result, None)
    model = load_kept(folder / LAST, "remove it and run the same command again")
    # The decay of the weights is no part of the surface: it would be a bowl in each.
    for layer in model.layers:
        for variable in layer.trainable_variables:
            variable.regularizer = None
    model.compile(loss=objective())
    images, _ = workload.splits()
    count = min(samples, len(images))
    values, labels = images.values(np.arange(count)), images.labels[:count]
    path = out / "surfaces" / f"{workload.model}.npz"
    path.parent.mkdir(parents=True, exist_ok=True)
    with progress.task(f"{workload.model}, surface", points**2) as task:
        surface = landscape(
            model,
            values,
            labels,
            n=points,
            seed=seed,
            exact=True,
            batch_size=_BATCH,
            path=path,
            progress=task,
        )
    keras.utils.clear_session()
    return TwinSurface(result, surface)


def not_convex(loss) -> float:
    """Return the share of negative second differences of neighbouring points along both axes, in [0, 1].

    Args:
        loss: (points, points), finite or not; differences with what is not finite are left out.
    """
    with np.errstate(invalid="ignore"):
        differences = [np.diff(loss, 2, axis=axis).ravel() for axis in (0, 1)]
    known = np.concatenate(differences)
    known = known[np.isfinite(known)]
    return float(np.mean(known < 0)) if known.size else float("nan")


def table_of(found) -> ResultTable:
    """Return a row for each network.

    Args:
        found: From (kind, depth) to `TwinSurface`s.
    """
    header = (
        *("network", "training loss", "training error %", "held-out error %"),
        *("loss at the end", "median of the window", "largest", "not convex %"),
    )
    return ResultTable(header, [_row(key, one) for key, one in found.items()])


def _row(key, one):
    name, result = _title(key), one.result
    if one.surface is None:
        return (f"{name}, diverged", *[DASH] * 7)
    loss = _finite(one.surface)
    return (
        name,
        f"{result['train_objective']:.3g}",
        f"{result['train_error']:.1f}",
        f"{result['test_error']:.1f}",
        f"{one.surface.centre:.3g}",
        f"{np.median(loss):.3g}",
        f"{loss.max():.3g}",
        f"{100 * not_convex(one.surface.loss):.0f}",
    )


def _finite(surface):
    return surface.loss[np.isfinite(surface.loss)]


def _title(key):
    kind, depth = key
    return f"{TITLES[kind]}-{depth}"


def drawn(found):
    """Return the surfaces that there are, and the titles of their panels."""
    kept = {key: one for key, one in found.items() if one.surface is not None}
    titles = [f"{_title(key)}, training error {one.result['train_error']:.1f} %" for key, one in kept.items()]
    return [one.surface for one in kept.values()], titles


def sentences(found) -> list[str]:
    """Return what the trainings say of depth, and the surfaces of shortcuts."""
    told = []
    depths = list(dict.fromkeys(depth for _, depth in found))
    for kind in TITLES:
        losses = {depth: found[kind, depth].result.get("train_objective") for depth in depths}
        known = {depth: loss for depth, loss in losses.items() if loss is not None}
        if len(known) > 1:
            by_depth = ", ".join(f"{loss:.3g} with {depth} layers" for depth, loss in known.items())
            order = "higher" if known[max(known)] > known[min(known)] else "not higher"
            told.append(
                f"{TITLES[kind]}: training loss {by_depth}; {order} with the most layers than with the fewest."
            )
    for depth in depths:
        both = [found[kind, depth].surface for kind in TITLES]
        if all(surface is not None for surface in both):
            rises = [f"{np.median(_finite(surface)) / surface.centre:.3g}" for surface in both]
            shares = [f"{100 * not_convex(surface.loss):.0f} %" for surface in both]
            told.append(
                f"{depth} layers: the median loss over the window is {rises[0]} times that at the end without "
                f"shortcuts, {rises[1]} times with them; of the second differences {shares[0]} and {shares[1]} are "
                "negative."
            )
    return told
